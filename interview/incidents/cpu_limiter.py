"""A CPU limiter of the crude kind: it stops the iris API for most of the time (SIGSTOP), and lets it go on (SIGCONT).

The fault of ``timeouts`` starts it. It ends when it is told to (SIGTERM), or when its standard input ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress

from iris_api.commands.stack import stack
from workbench.stack import StackError, control, take_over

__all__ = ["main"]

_STOPPED_S, _RUNNING_S = 3.0, 1.5


def main() -> None:
    """Stops and goes on until it is over; the process runs when it returns."""
    take_over(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    while not _over(_RUNNING_S):
        with suppress(StackError, ProcessLookupError):  # somebody restarts it: the next round finds the new one
            pid = control.ask(stack())["iris-api"].pid or 0
            if pid:
                _pause(pid)


def _pause(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        _over(_STOPPED_S)
    finally:
        os.kill(pid, signal.SIGCONT)


def _over(seconds: float) -> bool:
    """Waits, but not longer than whoever started it lives; whether they are gone."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


if __name__ == "__main__":
    main()
