"""Points for a simulated day: of each criterion by how much was broken, and of the bill beside the reference's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec

from planner.day.breaks import DayBreak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from planner.day.timetable import EventWindow

__all__ = [
    "LATE",
    "Criterion",
    "DesignVerdict",
    "ScoreRow",
    "ScoredDay",
    "ScoredMoment",
    "belongs",
    "bill_points",
    "grade",
    "kept",
    "release_in_time",
    "total",
]  # fmt: skip

LATE: Final = 0.01
"""p99: one in a hundred may be late; while something goes wrong, so many may be failed, late or too old."""
_NONE_LEFT: Final = 5.0
"""No points are left at so many times what is allowed; in between they fall with the logarithm."""
_SLOW_RELEASE: Final = 5.0
_AS_CHEAP: Final = 1.05
_TWICE: Final = 2.0


class ScoredMoment(Protocol):
    """A step of a day: requests a second, the share that failed and that broke the promise, what the replicas hold."""

    @property
    def at_s(self) -> float:
        """The second of the day."""

    @property
    def rate_rps(self) -> float:
        """Requests a second."""

    @property
    def failed(self) -> float:
        """The share that got no answer."""

    @property
    def bad(self) -> float:
        """The share that broke the promise in any way."""

    @property
    def holds_rps(self) -> float:
        """Requests a second that the ready replicas hold."""


class _Events(Protocol):
    def at(self, now_s: float) -> EventWindow | None:
        """The event whose time it is, if any."""

    def __iter__(self) -> Iterator[EventWindow]:
        """The events in their order."""


class ScoredDay(Protocol):
    """A design's day: its steps, its events and what it cost."""

    @property
    def moments(self) -> Sequence[ScoredMoment]:
        """All steps, in order."""

    @property
    def events(self) -> _Events:
        """What went wrong, and when."""

    @property
    def dollars(self) -> float:
        """What the day cost."""


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the score: points of so many, what was measured and allowed (shares, or dollars for the cost)."""

    name: str
    points: float
    of: float
    measured: float
    allowed: float
    reference: float
    broke: DayBreak | None = None
    note: str = ""


class DesignVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The score of a design, and of the reference beside it."""

    score: float
    reference_score: float
    criteria: list[Criterion]
    first: DayBreak | None
    dollars: float
    reference_dollars: float


class ScoreRow(NamedTuple):
    """A criterion before it is measured: which fields of the steps count, in which event, or outside all (None)."""

    name: str
    of: float
    event: EventWindow | None
    fields: tuple[str, ...]
    allowed: float


def grade(row: ScoreRow, day: ScoredDay, reference: ScoredDay, worst: Callable[[ScoreRow], DayBreak]) -> Criterion:
    """The criterion with its points; ``worst`` explains what was lost."""
    measured, theirs = (round(_share(run, row), 6) for run in (day, reference))
    points = _points(measured, row.allowed, row.of)
    broke = worst(row) if points < row.of else None
    return Criterion(
        name=row.name, points=round(points, 1), of=row.of, measured=measured, allowed=row.allowed, reference=theirs,
        broke=broke,
    )  # fmt: skip


def belongs(moment: ScoredMoment, day: ScoredDay, event: EventWindow | None) -> bool:
    """Whether a step counts for an event, or for the time outside all of them."""
    return moment.at_s in event if event else day.events.at(moment.at_s) is None


def kept(found: Sequence[Criterion]) -> float:
    """The share of their points that these kept."""
    return sum(each.points for each in found) / sum(each.of for each in found)


def total(criteria: Iterable[Criterion]) -> float:
    """All points together."""
    return round(sum(each.points for each in criteria), 1)


def release_in_time(found: Criterion, within_h: float, planned_s: float) -> Criterion:
    """The same, with less points where a good version would take longer than is asked until it is everywhere."""
    if planned_s <= within_h * 3600:
        return found
    note = f"a good version needs {planned_s / 3600:.3g} h until it is everywhere, {within_h:g} h are asked"
    return msgspec.structs.replace(found, points=round(max(found.points - _SLOW_RELEASE, 0.0), 1), note=note)


def bill_points(budget: float, day: ScoredDay, reference: ScoredDay, held: float) -> Criterion:
    """A fleet that does not serve is not cheap: the points are worth what is kept of the day's promise."""
    of, note = 25.0, ""
    times = day.dollars / reference.dollars
    points = of * min(1.0, max(0.0, (_TWICE - times) / (_TWICE - _AS_CHEAP)))
    if day.dollars > budget:
        points, note = 0.0, f"over the budget of ${budget:,.0f} a day"
    elif held < 1:
        note = f"only {held:.0%} of it, because only so much of the day's promise was kept"
    return Criterion(
        name="the bill", points=round(points * held, 1), of=of, measured=round(day.dollars, 2),
        allowed=budget, reference=round(reference.dollars, 2), note=note,
    )  # fmt: skip


def _share(run: ScoredDay, row: ScoreRow) -> float:
    """The share of an event's requests, or of those outside all events, of which one of the fields is true.

    Answers are late, so the share of the late ones is of the answered.
    """
    mine = [moment for moment in run.moments if belongs(moment, run, row.event)]
    answered = "late" in row.fields
    asked: float = sum(moment.rate_rps * (1 - moment.failed if answered else 1.0) for moment in mine)
    if not asked:
        return 1.0
    broken: float = sum(moment.rate_rps * getattr(moment, name) for moment in mine for name in row.fields)
    return broken / asked


def _points(measured: float, allowed: float, of: float) -> float:
    if measured <= allowed:
        return of
    return of * max(0.0, 1 - math.log(measured / allowed) / math.log(_NONE_LEFT))
