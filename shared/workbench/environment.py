"""``python -I -S environment.py NAMES PROGRAM …``: becomes the program, with the variables of these names alone.

A process that has no use for a secret does not have it: not in its environment, not in what it starts, not in a dump of
its memory. So what a process inherits is listed, and all else is left out. Run as a file, on Python's own library
alone, which takes a few milliseconds; the values are on no command line.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["MARKER", "OBSERVED", "USUAL", "main", "only"]

MARKER: Final = "SERVEKIT_STACK"
"""Has the folder of the stack that a process belongs to."""

USUAL: Final = (
    MARKER, "PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TERM", "COLUMNS", "LANG", "LANGUAGE", "LC_*", "TZ",
    "TMPDIR", "XDG_*", "PYTHON*", "COVERAGE_*", "VIRTUAL_ENV", "LD_*", "DYLD_*", "MALLOC_*", "OMP_*", "OPENBLAS_*",
    "MKL_*", "NO_PROXY",
)  # fmt: skip
"""What every program may need: where things are, how it speaks, how many threads it may have. None of it is secret."""

OBSERVED: Final = (
    "TELEMETRY_*", "OTEL_*", "PROMETHEUS_*", "SSL_CERT_*", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
)  # fmt: skip
"""What a server needs besides to tell of itself, and to reach a collector of traces."""


def only(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The usual variables and those of these names; a name that ends with ``*`` stands for all that begin so.

    Capitals make no difference, as they make none to settings.
    """
    wanted = [name.upper() for name in (*USUAL, *names)]
    whole = {name for name in wanted if not name.endswith("*")}
    begun = tuple(name[:-1] for name in wanted if name.endswith("*"))
    return {
        name: value for name, value in environment.items() if name.upper() in whole or name.upper().startswith(begun)
    }


def main(names: str, *command: str) -> None:
    """Replaces this process by the command, with the variables of these names, which are separated by commas."""
    try:
        os.execvpe(command[0], command, only(os.environ, names.split(",")))  # noqa: S606 - no shell
    except OSError as error:
        sys.exit(f"error: {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
