"""Exams of levels with a planted defect: which criteria are lost, and what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course.exam.rubric import load_rubric
from course.exam.runner import examine

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from course.exam import Examined, LevelExam
    from workbench.stack import Process

__all__ = ["KILLS", "SEED", "as_it_is", "lost", "overwrite"]

SEED = 7

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


def lost(exam: LevelExam, examined: Examined, ids: Iterable[str]) -> dict[str, str]:
    """What was seen of each of these criteria that was lost; none of them may be left out."""
    rubric = load_rubric(exam.level).only(ids)
    judged = list(examine(rubric, exam.checks, examined, granted=True))
    assert [f"{each.criterion.id}: {each.seen}" for each in judged if each.outcome == "left out"] == []
    return {each.criterion.id: each.seen for each in judged if each.outcome == "lost"}


def as_it_is(process: Process) -> Process:
    """The process without a defect."""
    return process


def overwrite(path: Path, at: int, to: bytes) -> None:
    """Writes over one place of a file that somebody else appends to."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(to)
