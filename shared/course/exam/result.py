"""``.run/exam/N.json``: an exam that was taken, with its points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from course.exam.in_cluster import describe_place
from course.exam.rubric import OF
from workbench.hardware import HardwareStamp, hardware_stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from course.exam.digest import CodeDigest
    from course.exam.examined import Examined
    from course.exam.rubric import Rubric
    from course.exam.runner import JudgedCriterion

__all__ = ["CriterionResult", "ExamResult", "make_result"]


class CriterionResult(msgspec.Struct, frozen=True):
    """One criterion: the rubric's words, and what was seen."""

    id: str
    title: str
    points: int
    of: int
    outcome: Literal["earned", "lost", "left out"]
    asked: str
    seen: str
    fix: str
    seconds: float


class ExamResult(msgspec.Struct, frozen=True, kw_only=True):
    """The document.

    Attributes:
        points: of 100: ``earned`` as a share of ``judged``, rounded down.
        of: always 100.
        date: UTC, ISO 8601.
        earned: points of the criteria that were met.
        judged: points of the criteria that could be judged; less than 100 where some were refused or out of reach.
        left_out: the ids of the others.
        target: the address that was asked.
        here: whether the level ran from this folder; else the code may be another than this folder's.
        cluster: context, namespace and images of a level that was reached through a kubeconfig; else None.
        seed: of everything that was drawn.
        seconds: that the exam took.
        code: the digest of this folder's code, which is the code examined where the level ran from here.
    """

    level: int
    title: str
    points: int
    of: int = OF
    date: str
    earned: int
    judged: int
    left_out: list[str]
    criteria: list[CriterionResult]
    target: str
    here: bool
    seed: int
    seconds: float
    code: dict[str, Any]
    hardware: HardwareStamp
    cluster: dict[str, Any] | None = None

    @property
    def code_is(self) -> str:
        """What the digest is about, in words."""
        where = "in a cluster" if self.cluster else "elsewhere"
        return "code examined" if self.here else f"code of this folder (the level ran {where})"

    @property
    def first_fixes(self) -> list[CriterionResult]:
        """What was lost, the most points first; of equal points in the rubric's order."""
        return sorted((each for each in self.criteria if each.outcome == "lost"), key=lambda each: -each.of)


def make_result(
    rubric: Rubric, judged: Sequence[JudgedCriterion], examined: Examined, code: CodeDigest, seconds: float
) -> ExamResult:
    """The result of an exam whose criteria were judged."""
    counted = sum(each.criterion.points for each in judged if each.outcome != "left out")
    earned = sum(each.points for each in judged)
    stamp = hardware_stamp()
    return ExamResult(
        level=rubric.level,
        title=rubric.title,
        points=OF * earned // counted if counted else 0,
        date=stamp["date"],
        earned=earned,
        judged=counted,
        left_out=[each.criterion.id for each in judged if each.outcome == "left out"],
        criteria=[_row(each, in_cluster=examined.place is not None) for each in judged],
        target=examined.url,
        here=examined.stack is not None,
        seed=examined.seed,
        seconds=round(seconds, 1),
        code=code._asdict(),
        hardware=stamp,
        cluster=describe_place(examined.place) if examined.place else None,
    )


def _row(judged: JudgedCriterion, *, in_cluster: bool) -> CriterionResult:
    criterion = judged.criterion
    asked = criterion.cluster if in_cluster and criterion.cluster else criterion.asked
    return CriterionResult(
        criterion.id, criterion.title, judged.points, criterion.points, judged.outcome, asked, judged.seen,
        criterion.fix, round(judged.seconds, 1),
    )  # fmt: skip
