"""``python -m servekit.audit verify DIR`` and ``python -m servekit.audit bench``."""

from __future__ import annotations

import sys

from servekit.audit.terminal import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
