"""A design's score of 100: the promise on the day, what went wrong that day, and the bill beside the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from planner.day.breaks import first_break, worst_break
from planner.day.points import (
    LATE,
    Criterion,
    DesignVerdict,
    ScoreRow,
    bill_points,
    grade,
    kept,
    release_in_time,
    total,
)

if TYPE_CHECKING:
    from planner.day.fleet_design import FleetDesign
    from planner.day.requirements import DayRequirements
    from planner.day.whole_day import DayRun

__all__ = ["DayVerdict", "judge_day"]

_MOVING: Final = 0.015
"""So many may break the promise while a region is lost, whose users need a while to be moved."""


class DayVerdict(DesignVerdict, frozen=True, kw_only=True):
    """The score, and how the simulated seconds before the loss of a zone compare with the formula."""

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
        score=total(criteria),
        reference_score=total(_criteria(reference_design, needs, reference, reference)),
        criteria=criteria,
        first=first_break(day, design, needs),
        dollars=round(day.dollars, 2),
        reference_dollars=round(reference.dollars, 2),
        simulated_requests=silence.requests if silence else 0,
        simulated_p99_ms=round(silence.p99_ms, 2) if silence else 0.0,
        formula_p99_ms=round(silence.formula_p99_ms, 2) if silence else 0.0,
    )


def _criteria(design: FleetDesign, needs: DayRequirements, day: DayRun, reference: DayRun) -> list[Criterion]:
    lost = needs.survive
    failed = round(1 - needs.answered, 6)
    rows = (
        ScoreRow("on time, all day", 13.0, None, ("late", "stale"), LATE),
        ScoreRow("answered, all day", 12.0, None, ("failed",), failed),
        ScoreRow("the spike", 10.0, day.events.spike, ("bad",), LATE),
        ScoreRow(f"the loss of a {lost}", 15.0, day.events.loss, ("bad",), _MOVING if lost == "region" else LATE),
        ScoreRow("the cold cache", 10.0, day.events.cold, ("bad",), LATE),
        ScoreRow("the bad release", 15.0, day.events.release, ("by_release",), failed),
    )
    found = [
        grade(row, day, reference, lambda lost: worst_break(day, design, needs, lost.event, lost.fields))
        for row in rows
    ]
    found[-1] = release_in_time(found[-1], needs.bad_release.within_h, day.rollout.planned_s)
    return [*found, bill_points(needs.budget_per_day, day, reference, kept(found[:2]))]
