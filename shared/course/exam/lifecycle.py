"""The level that is examined: reached where it runs, or started for the exam and stopped after it."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from course.exam.in_cluster import place_of
from servekit.errors import NotReadyError
from workbench.stack import StackError, elsewhere, find_started, own, run_folder, take_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from course.exam.examined import Examined, LevelExam

__all__ = ["interrupted_by_termination", "reached"]

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def reached(exam: LevelExam, seed: int, console: Console) -> Iterator[Examined]:
    """The level at ``URL``, or the one of this folder; one that is not up is up for as long as the block runs.

    Raises:
        StackError: the level does not start, or another server is on its port.
        InvalidValueError: ``URL`` is no address of a server.
        NotReadyError: nothing answers there.
        ServingError: it lets nobody in without a key.
    """
    url = elsewhere()
    if url is not None:
        yield _entered(exam, _answering(replace(exam.elsewhere(url, seed), place=place_of(exam.level, exam.served))))
    elif find_started(exam.level, run_folder(exam.level)) is not None:
        own(exam.level, run_folder(exam.level))
        yield _entered(exam, exam.here(seed))
    else:
        console.print(f"level {exam.level} is not up: the exam starts it, and stops it afterwards", soft_wrap=True)
        try:
            _stack(exam, "up")
            take_over(exam.level, run_folder(exam.level))
            yield _entered(exam, exam.here(seed))
        finally:
            with _uninterrupted():
                _stack(exam, "down", check=False)


def _entered(exam: LevelExam, examined: Examined) -> Examined:
    exam.enter(examined)
    return examined


def _answering(examined: Examined) -> Examined:
    try:
        examined.http.get("/")
    except httpx.HTTPError as problem:
        raise NotReadyError(examined.url, None, f"{problem}: is level {examined.level} there?") from None
    return examined


def _stack(exam: LevelExam, verb: str, *, check: bool = True) -> None:
    command = [sys.executable, "-m", f"{exam.package}.commands.stack", verb]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if check and done.returncode:
        raise StackError(
            f"level {exam.level}: does not start, so there is nothing to examine: run make up-{exam.level}"
        )


@contextmanager
def interrupted_by_termination() -> Iterator[None]:
    """SIGTERM and a closed terminal end the block as Ctrl-C does, so that everything is put back."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in _ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, *_ENDING)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
