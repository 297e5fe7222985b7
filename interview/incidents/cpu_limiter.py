"""A CPU limiter of the crude kind: it stops a process for most of the time (SIGSTOP), and lets it go on (SIGCONT).

``cpu_limiter.py LEVEL NAME STOPPED_S RUNNING_S``. Faults start it. It ends when it is told to (SIGTERM), or when its
standard input ends.
"""

from __future__ import annotations

import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from workbench.processes import family
from workbench.stack import Stack, StackError, control, run_folder

__all__ = ["main"]


def main(level: str, name: str, stopped_s: str, running_s: str) -> None:
    """Stops and goes on until it is over; the process runs when it returns."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    stack = Stack(int(level), [], Path(run_folder(int(level))).resolve())
    while not _over(float(running_s)):
        with suppress(StackError, KeyError, psutil.Error):  # somebody restarts it: the next round finds the new one
            pid = control.ask(stack)[name].pid
            if pid:
                _pause(family(pid), float(stopped_s))


def _pause(processes: list[psutil.Process], seconds: float) -> None:
    for process in processes:
        process.suspend()
    try:
        _over(seconds)
    finally:
        for process in processes:
            with suppress(psutil.Error):
                process.resume()


def _over(seconds: float) -> bool:
    """Waits, but not longer than whoever started it lives; whether they are gone."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
