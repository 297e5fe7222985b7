"""How an answer went: the points that were said, and the grade that follows from them."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["GRADES", "AnswerGrade", "from_points"]

GRADES: Final = ("too little of it", "most of it", "the point", "could have written it")
"""Grades from 0 to 3, as FSRS's again, hard, good and easy."""

_ENOUGH: Final = 2 / 3


class AnswerGrade(NamedTuple):
    """How an answer went.

    Attributes:
        grade: from 0 to 3, an index into `GRADES`.
        said: points that the answer had; half a point for a number found at the second attempt.
        of: points that it could have.
        missed: the points that it lacked, as the question states them.
    """

    grade: int
    said: float
    of: int
    missed: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The part of the points that the answer had, from 0 to 1."""
        return self.said / self.of


def from_points(must: tuple[str, ...], said: frozenset[int], *, bonus: bool) -> AnswerGrade:
    """The grade of an answer in one's own words.

    Args:
        must: the points that an answer needs, at least one.
        said: which of them were said, from 0.
        bonus: whether it had a bonus point.

    Returns:
        Grade 0 for fewer than two thirds of the points, 1 for fewer than all, 2 for all, 3 for all and a bonus.
    """
    missed = tuple(point for number, point in enumerate(must) if number not in said)
    if not missed:
        return AnswerGrade(3 if bonus else 2, len(said), len(must))
    return AnswerGrade(1 if len(said) >= _ENOUGH * len(must) else 0, len(said), len(must), missed)
