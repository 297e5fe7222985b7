"""Exams as the tests take them: the whole of one, or a level with a planted defect and the criteria that it loses."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from threading import Event
from typing import TYPE_CHECKING, Any

from course.exam.command import main
from course.exam.rubric import load_rubric
from course.exam.runner import examine
from workbench.stack import down, up
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pytest

    from course.exam import Examined, LevelExam
    from tests.faulty_proxy import Asked
    from workbench.stack import Process, Stack

__all__ = [
    "ENVIRONMENT",
    "KILLS",
    "SEED",
    "as_it_is",
    "full_marks",
    "lost",
    "overwrite",
    "running",
    "slow_now_and_then",
    "started",
]

SEED = 7

ENVIRONMENT = {"COLUMNS": "80", "OTEL_BSP_SCHEDULE_DELAY": "100"}
"""Of an exam in a test: lines of one width; spans are written after 0.1 s, where a level waits for 5 s of them."""

KILLS = """
import signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
def stop(*_):
    child.kill()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
sys.exit(child.wait())
"""
"""A wrapper that kills its server when it is told to stop, and does not pass the signal on."""


def full_marks(
    exam: LevelExam, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[str, Any]:
    """Takes the whole exam, in which every point must be earned; returns what was printed, and the result."""
    monkeypatch.setenv("YES", "1")
    shorter = replace(exam, here=lambda seed: replace(exam.here(seed), load_s=4.0))
    code = main(shorter, ["--seed", str(SEED), "--out", str(folder)])
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert f"level {exam.level}: 100 of 100 points, in " in printed
    result = json.loads((folder / f"{exam.level}.json").read_bytes())
    assert (result["points"], result["of"], result["left_out"]) == (100, 100, [])
    return printed, result


def started(
    level: Stack, here: Callable[[int], Examined], patience_s: float = 8.0, written_s: float = 10.0
) -> Examined:
    """A level that is up, to be examined with little load; one that is up already is not started again."""
    up(level, make_console())
    return replace(here(SEED), stack=level, load_s=1.0, load_runs=1, written_s=written_s, patience_s=patience_s)


@contextmanager
def running(
    level: Stack, here: Callable[[int], Examined], patience_s: float = 8.0, written_s: float = 10.0
) -> Iterator[Examined]:
    """A level with a defect, up for as long as the block runs."""
    try:
        yield started(level, here, patience_s, written_s)
    finally:
        down(level, make_console())


def lost(exam: LevelExam, examined: Examined, ids: Iterable[str]) -> dict[str, str]:
    """What was seen of each of these criteria that was lost; none of them may be left out."""
    rubric = load_rubric(exam.level).only(ids)
    judged = list(examine(rubric, exam.checks, examined, granted=True))
    assert [f"{each.criterion.id}: {each.seen}" for each in judged if each.outcome == "left out"] == []
    return {each.criterion.id: each.seen for each in judged if each.outcome == "lost"}


def slow_now_and_then(wait_s: float, every: int) -> Callable[[Asked], Asked]:
    """A hop that keeps one request in so many waiting."""
    turns, never = count(), Event()

    def slow(asked: Asked) -> Asked:
        if next(turns) % every == 0:
            never.wait(wait_s)
        return asked

    return slow


def as_it_is(process: Process) -> Process:
    """The process without a defect."""
    return process


def overwrite(path: Path, at: int, to: bytes) -> None:
    """Writes over one place of a file that somebody else appends to."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(to)
