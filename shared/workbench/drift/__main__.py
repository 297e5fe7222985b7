"""``python -m workbench.drift LEVEL`` or ``http://HOST:PORT/metrics``: the drift verdict of a running server."""

from __future__ import annotations

import sys

from workbench.drift.terminal import main
from workbench.stack import StackError, own

__all__: list[str] = []


def _addresses(arguments: list[str]) -> list[str]:
    """A level's number becomes the address of its metrics."""
    return [own(int(each)).metrics if each.isascii() and each.isdecimal() else each for each in arguments]


if __name__ == "__main__":
    try:
        sys.exit(main(_addresses(sys.argv[1:])))
    except StackError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)
