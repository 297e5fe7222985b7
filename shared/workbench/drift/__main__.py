"""``python -m workbench.drift LEVEL`` or ``http://HOST:PORT/metrics``: the drift verdict of a running server."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.drift.terminal import main
from workbench.stack import StackError, own

__all__: list[str] = []


def _main(arguments: list[str]) -> int:
    """A level's number becomes the address of its metrics; its verdict is kept in ``.run/drift``."""
    levels = [each for each in arguments if each.isascii() and each.isdecimal()]
    kept = Path(f".run/drift/{levels[0]}.json") if levels else None
    return main([own(int(each)).metrics if each in levels else each for each in arguments], kept=kept)


if __name__ == "__main__":
    try:
        sys.exit(_main(sys.argv[1:]))
    except StackError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)
