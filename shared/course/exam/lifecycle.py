"""The level that is examined: reached where it runs, or started for the exam and stopped after it."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.stack import StackError, elsewhere, find_started, own, run_folder, take_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from course.exam.examined import Examined, LevelExam

__all__ = ["interrupted_by_termination", "reached"]


@contextmanager
def reached(exam: LevelExam, seed: int, console: Console) -> Iterator[Examined]:
    """The level at ``URL``, or the one of this folder; one that is not up is up for as long as the block runs.

    Raises:
        StackError: the level does not start, or another server is on its port.
        InvalidValueError: ``URL`` is no address of a server.
    """
    url = elsewhere()
    if url is not None:
        yield exam.elsewhere(url, seed)
    elif find_started(exam.level, run_folder(exam.level)) is not None:
        own(exam.level, run_folder(exam.level))
        yield exam.here(seed)
    else:
        console.print(f"level {exam.level} is not up: the exam starts it, and stops it afterwards", soft_wrap=True)
        try:
            _stack(exam, "up")
            take_over(exam.level, run_folder(exam.level))
            yield exam.here(seed)
        finally:
            with _uninterrupted():
                _stack(exam, "down", check=False)


def _stack(exam: LevelExam, verb: str, *, check: bool = True) -> None:
    command = [sys.executable, "-m", f"{exam.package}.commands.stack", verb]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if check and done.returncode:
        raise StackError(
            f"level {exam.level}: does not start, so there is nothing to examine: run make up-{exam.level}"
        )


@contextmanager
def interrupted_by_termination() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that everything is put back."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
