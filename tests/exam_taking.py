"""Exams of levels with a planted defect: which criteria are lost, and what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course.exam.rubric import load_rubric
from course.exam.runner import examine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from course.exam import Examined, LevelExam

__all__ = ["SEED", "lost"]

SEED = 7


def lost(exam: LevelExam, examined: Examined, ids: Iterable[str]) -> dict[str, str]:
    """What was seen of each of these criteria that was lost; none of them may be left out."""
    rubric = load_rubric(exam.level).only(ids)
    judged = list(examine(rubric, exam.checks, examined, granted=True))
    assert [f"{each.criterion.id}: {each.seen}" for each in judged if each.outcome == "left out"] == []
    return {each.criterion.id: each.seen for each in judged if each.outcome == "lost"}
