"""``python -m workbench.audit verify DIR`` and ``python -m workbench.audit bench``."""

from __future__ import annotations

import sys

from workbench.audit.terminal import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
