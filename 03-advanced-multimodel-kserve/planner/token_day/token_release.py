"""The bad model of the day: whether the quality set stops it, and else how long it answers shoppers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scipy.stats import binom

from planner.day.canary_release import roll_out
from planner.day.requirements import BadRelease

if TYPE_CHECKING:
    from planner.day.canary_release import DayRollout
    from planner.day.timetable import Floats
    from planner.token_day.token_design import TokenCanary
    from planner.token_day.token_needs import BadModel, TokenNeeds
    from planner.token_day.token_times import TokenTimes

__all__ = ["caught", "release"]

_FALSE_ALARM: Final = 0.01
_READS_S: Final = 2 * 3600.0
"""No alert fires on a wrong answer: somebody reads the reports now and then, and takes the version back by hand."""
_QUESTION_S: Final = 2.0
"""One replica answers the quality set, one question after the other."""


def caught(questions: int, bad: BadModel) -> float:
    """The probability that so many questions stop the bad version.

    It is stopped when it answers fewer of them than a version as good as the old one does in 99 of 100 cases
    (binomial test, one-sided, at 1 %).
    """
    fewest = int(binom.ppf(_FALSE_ALARM, questions, bad.right))
    return float(binom.cdf(fewest - 1, questions, bad.bad_right))


def release(
    canary: TokenCanary, needs: TokenNeeds, times: TokenTimes, rate_rps: Floats, seed: int
) -> tuple[Floats, DayRollout]:
    """The share of the answers that the bad version spoils in every step, as is to be expected, and its rollout.

    Behind the quality set only what shoppers report tells of it: the canary counts reports as it counts errors.
    """
    bad = needs.bad_model
    reported = BadRelease(errors=bad.wrong * bad.reported, within_h=bad.within_h, by_hand_s=_READS_S)
    rollout = roll_out(canary, reported, times.release, rate_rps, seed)
    rollout = rollout._replace(planned_s=rollout.planned_s + canary.questions * _QUESTION_S)
    return rollout.share * bad.wrong * (1 - caught(canary.questions, bad)), rollout
