"""``python -m servekit.drift http://HOST:PORT/metrics``: the drift verdict of a running server."""

from __future__ import annotations

import sys

from servekit.drift.terminal import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
