"""A design's score of 100: the promise on the day, what went wrong that day, and the bill beside the reference's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from planner.day.breaks import DayBreak, first_break, worst_break

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.day.fleet_design import FleetDesign
    from planner.day.requirements import DayRequirements
    from planner.day.timetable import EventWindow
    from planner.day.whole_day import DayMoment, DayRun

__all__ = ["Criterion", "DayVerdict", "judge_day"]

_LATE: Final = 0.01
"""p99: one in a hundred may be late."""
_IN_EVENTS: Final = 0.01
"""While something goes wrong, so many may be failed, late or too old."""
_MOVING: Final = 0.015
"""Likewise while a region is lost, whose users need a while to be moved."""
_NONE_LEFT: Final = 5.0
"""No points are left at so many times what is allowed; in between they fall with the logarithm."""
_SLOW_RELEASE: Final = 5.0
_AS_CHEAP: Final = 1.05
_TWICE: Final = 2.0


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


class DayVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The score of a design, and of the reference beside it."""

    score: float
    reference_score: float
    criteria: list[Criterion]
    first: DayBreak | None
    dollars: float
    reference_dollars: float
    simulated_requests: int
    simulated_p99_ms: float
    formula_p99_ms: float


def judge_day(
    design: FleetDesign, needs: DayRequirements, day: DayRun, reference_design: FleetDesign, reference: DayRun
) -> DayVerdict:
    """The verdict on a design's day, beside the reference's day with the same traffic and events."""
    criteria = _criteria(design, needs, day, reference)
    silence = day.silence
    return DayVerdict(
        score=_total(criteria),
        reference_score=_total(_criteria(reference_design, needs, reference, reference)),
        criteria=criteria,
        first=first_break(day, design, needs),
        dollars=round(day.dollars, 2),
        reference_dollars=round(reference.dollars, 2),
        simulated_requests=silence.requests if silence else 0,
        simulated_p99_ms=round(silence.p99_ms, 2) if silence else 0.0,
        formula_p99_ms=round(silence.formula_p99_ms, 2) if silence else 0.0,
    )


def _total(criteria: Iterable[Criterion]) -> float:
    return round(sum(each.points for each in criteria), 1)


def _criteria(design: FleetDesign, needs: DayRequirements, day: DayRun, reference: DayRun) -> list[Criterion]:
    lost = needs.survive
    failed = round(1 - needs.answered, 6)
    rows = (
        ("on time, all day", 13.0, None, ("late", "stale"), _LATE),
        ("answered, all day", 12.0, None, ("failed",), failed),
        ("the spike", 10.0, day.events.spike, ("bad",), _IN_EVENTS),
        (f"the loss of a {lost}", 15.0, day.events.loss, ("bad",), _MOVING if lost == "region" else _IN_EVENTS),
        ("the cold cache", 10.0, day.events.cold, ("bad",), _IN_EVENTS),
        ("the bad release", 15.0, day.events.release, ("by_release",), failed),
    )
    found = []
    for name, of, event, fields, allowed in rows:
        measured, theirs = (round(_share(run, event, fields), 6) for run in (day, reference))
        points = _points(measured, allowed, of)
        broke = worst_break(day, design, needs, event, fields) if points < of else None
        criterion = Criterion(
            name=name, points=round(points, 1), of=of, measured=measured, allowed=allowed, reference=theirs, broke=broke
        )
        found.append(criterion)
    found[-1] = _in_time(found[-1], needs, day)
    kept = sum(each.points for each in found[:2]) / sum(each.of for each in found[:2])
    return [*found, _cost(needs, day, reference, kept)]


def _share(run: DayRun, event: EventWindow | None, fields: tuple[str, ...]) -> float:
    """The share of an event's requests, or of those outside all events, of which one of the fields is true.

    Answers are late, so the share of the late ones is of the answered.
    """
    mine = [moment for moment in run.moments if _belongs(moment, run, event)]
    answered = "late" in fields
    total: float = sum(moment.rate_rps * (1 - moment.failed if answered else 1.0) for moment in mine)
    if not total:
        return 1.0
    broken: float = sum(moment.rate_rps * getattr(moment, name) for moment in mine for name in fields)
    return broken / total


def _belongs(moment: DayMoment, run: DayRun, event: EventWindow | None) -> bool:
    return moment.at_s in event if event else run.events.at(moment.at_s) is None


def _points(measured: float, allowed: float, of: float) -> float:
    if measured <= allowed:
        return of
    return of * max(0.0, 1 - math.log(measured / allowed) / math.log(_NONE_LEFT))


def _in_time(found: Criterion, needs: DayRequirements, day: DayRun) -> Criterion:
    asked_s, planned_s = needs.bad_release.within_h * 3600, day.rollout.planned_s
    if planned_s <= asked_s:
        return found
    asked = f"{needs.bad_release.within_h:g} h are asked"
    note = f"a good version needs {planned_s / 3600:.3g} h until it is everywhere, {asked}"
    return msgspec.structs.replace(found, points=round(max(found.points - _SLOW_RELEASE, 0.0), 1), note=note)


def _cost(needs: DayRequirements, day: DayRun, reference: DayRun, kept: float) -> Criterion:
    """A fleet that does not serve is not cheap: the points are worth what is kept of the day's promise."""
    of, note = 25.0, ""
    times = day.dollars / reference.dollars
    points = of * min(1.0, max(0.0, (_TWICE - times) / (_TWICE - _AS_CHEAP)))
    if day.dollars > needs.budget_per_day:
        points, note = 0.0, f"over the budget of ${needs.budget_per_day:,.0f} a day"
    elif kept < 1:
        note = f"only {kept:.0%} of it, because only so much of the day's promise was kept"
    return Criterion(
        name="the bill", points=round(points * kept, 1), of=of, measured=round(day.dollars, 2),
        allowed=needs.budget_per_day, reference=round(reference.dollars, 2), note=note,
    )  # fmt: skip
