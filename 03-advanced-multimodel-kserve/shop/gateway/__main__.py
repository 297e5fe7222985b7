"""``python -m shop.gateway``."""

from __future__ import annotations

import sys

from shop.gateway.entrypoints.server import main

if __name__ == "__main__":
    sys.exit(main())
