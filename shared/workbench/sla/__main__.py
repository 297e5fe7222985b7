"""``python -m workbench.sla [run|capacity|locust] PATH/sla.toml``."""

from __future__ import annotations

import sys

from workbench.sla.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
