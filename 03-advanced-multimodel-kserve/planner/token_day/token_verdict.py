"""The score of a designed assistant: its promise on the day, what went wrong, the bill beside the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.day.points import LATE, DesignVerdict, ScoreRow, bill_points, grade, kept, release_in_time, total
from planner.token_day.token_breaks import TokenCase, first_token_break, worst_token_break

if TYPE_CHECKING:
    from planner.day.points import Criterion
    from planner.token_day.token_design import TokenDesign
    from planner.token_day.token_needs import TokenNeeds
    from planner.token_day.token_run import TokenRun

__all__ = ["judge_token_day"]


def judge_token_day(
    design: TokenDesign, needs: TokenNeeds, day: TokenRun, reference_design: TokenDesign, reference: TokenRun
) -> DesignVerdict:
    """The verdict on a design's day, beside the reference's day with the same traffic and events."""
    case = TokenCase(design, needs, day)
    criteria = _criteria(case, reference)
    return DesignVerdict(
        score=total(criteria),
        reference_score=total(_criteria(TokenCase(reference_design, needs, reference), reference)),
        criteria=criteria,
        first=first_token_break(case),
        dollars=round(day.dollars, 2),
        reference_dollars=round(reference.dollars, 2),
    )


def _criteria(case: TokenCase, reference: TokenRun) -> list[Criterion]:
    needs, day = case.needs, case.day
    failed = round(1 - needs.answered, 6)
    rows = (
        ScoreRow("on time, all day", 13.0, None, ("late", "slow"), LATE),
        ScoreRow("answered, all day", 12.0, None, ("failed",), failed),
        ScoreRow("lunch", 10.0, day.events.lunch, ("bad",), LATE),
        ScoreRow("the loss of a machine", 15.0, day.events.loss, ("bad",), LATE),
        ScoreRow("the abused key", 10.0, day.events.abuse, ("bad",), LATE),
        ScoreRow("the bad model", 15.0, day.events.release, ("by_release",), failed),
    )
    found = [grade(row, day, reference, lambda lost: worst_token_break(case, lost.event, lost.fields)) for row in rows]
    found[-1] = release_in_time(found[-1], needs.bad_model.within_h, day.rollout.planned_s)
    return [*found, bill_points(needs.budget_per_day, day, reference, kept(found[:2]))]
