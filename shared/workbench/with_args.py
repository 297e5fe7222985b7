"""``python -I -S with_args.py MODULE …``: becomes ``python -m MODULE …``, the words of the variable ARGS at the end.

So ``make drill ARGS='--level 2'`` takes quotes as a shell does, and no shell reads what is in them: ``$(…)``, backticks
and semicolons are text. Run as a file, on Python's own library alone, which takes a few milliseconds.
"""

from __future__ import annotations

import os
import shlex
import sys

__all__ = ["main", "words"]


def words(text: str) -> list[str]:
    """The words of a line, parted at blanks and line breaks that are in no quotes.

    Raises:
        ValueError: a quote that nothing closes, or a backslash at the end.
    """
    try:
        return shlex.split(text)
    except ValueError:
        raise ValueError(f"ARGS {text}: expected every quote to be closed, and a character after a backslash") from None


def main(module: str, *arguments: str) -> None:
    """Becomes Python with that module. What it starts has no ARGS: the words are meant for it alone."""
    try:
        added = words(os.environ.pop("ARGS", ""))
    except ValueError as problem:
        sys.exit(f"error: {problem}")
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments, *added])  # noqa: S606 - no shell


if __name__ == "__main__":
    main(*sys.argv[1:])
