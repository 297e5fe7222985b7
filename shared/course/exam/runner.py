"""Goes through the criteria of an exam, one after the other."""

from __future__ import annotations

from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from course.exam.examined import NotJudgedError, ShortfallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from course.exam.examined import Check, Examined
    from course.exam.rubric import Criterion, Rubric

__all__ = ["ELSEWHERE", "IN_CLUSTER", "REFUSED", "JudgedCriterion", "examine"]

REFUSED = "refused: it would stop processes or change data of the level; grant it with YES=1"
ELSEWHERE = "the level runs elsewhere: its processes and files are not in reach"
IN_CLUSTER = "the level runs in a cluster: what this takes of its processes and files is not in reach from here"


class JudgedCriterion(NamedTuple):
    """One criterion and what became of it.

    Attributes:
        criterion: its row of the rubric.
        outcome: ``earned``, ``lost``, or ``left out`` of the total.
        seen: what was seen, or why nothing could be.
        seconds: that it took.
    """

    criterion: Criterion
    outcome: Literal["earned", "lost", "left out"]
    seen: str
    seconds: float = 0.0

    @property
    def points(self) -> int:
        """The points that it earned."""
        return self.criterion.points if self.outcome == "earned" else 0


def examine(  # noqa: PLR0913 - the last three are for one caller each
    rubric: Rubric,
    checks: Mapping[str, Check],
    examined: Examined,
    *,
    granted: bool,
    in_cluster: Mapping[str, Check] = MappingProxyType({}),
    begin: Callable[[Criterion], object] = lambda _: None,
) -> Iterator[JudgedCriterion]:
    """Judges every criterion, in the rubric's order.

    Args:
        rubric: the criteria.
        checks: by their ids.
        examined: the level.
        granted: whether processes may be stopped and data changed.
        in_cluster: checks that take the place of these where the level is in a cluster; by the same ids.
        begin: is told of each criterion before it is judged.
    """
    for criterion in rubric.criterion:
        begin(criterion)
        check: Check | None = checks[criterion.id]
        if examined.stack is None and (criterion.here or criterion.rights):
            check = None
        if examined.place:
            check = in_cluster.get(criterion.id, check)
        if check is None:
            yield JudgedCriterion(criterion, "left out", IN_CLUSTER if examined.place else ELSEWHERE)
        elif criterion.rights and not granted:
            yield JudgedCriterion(criterion, "left out", REFUSED)
        else:
            yield _judge(criterion, check, examined)


def _judge(criterion: Criterion, check: Check, examined: Examined) -> JudgedCriterion:
    began = monotonic()
    try:
        seen = check(examined)
    except NotJudgedError as reason:
        return JudgedCriterion(criterion, "left out", str(reason), monotonic() - began)
    except ShortfallError as shortfall:
        return JudgedCriterion(criterion, "lost", str(shortfall), monotonic() - began)
    except Exception as error:  # noqa: BLE001 - a level may answer anything: what a check cannot read is no point
        return JudgedCriterion(criterion, "lost", f"{type(error).__name__}: {error}", monotonic() - began)
    return JudgedCriterion(criterion, "earned", seen, monotonic() - began)
