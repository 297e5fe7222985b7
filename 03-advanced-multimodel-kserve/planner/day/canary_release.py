"""What a bad version does before somebody, or something, takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from planner.day.timetable import STEP_S

if TYPE_CHECKING:
    from planner.day.fleet_design import CanaryChoice
    from planner.day.requirements import BadRelease
    from planner.day.timetable import EventWindow, Floats

__all__ = ["DayRollout", "roll_out"]

_LOOK_S: Final = 60.0
_PROOF: Final = 12
"""Bad answers of the candidate that end a canary: fewer may be bad luck (see `shop.canary.judge` for the real test)."""


class DayRollout(NamedTuple):
    """The candidate's share of the traffic in every step, when it was taken back and by what, and its plan's length."""

    share: Floats
    back_s: float
    by: str
    planned_s: float


def roll_out(canary: CanaryChoice, bad: BadRelease, event: EventWindow, rate_rps: Floats, seed: int) -> DayRollout:
    """The release of the day: its steps until a look finds enough bad answers, else everywhere until people act.

    Each step is judged by its own answers; a step in which too few were bad to prove anything leads to the next.
    """
    random = np.random.default_rng([seed, 3])
    share = np.zeros(len(rate_rps))
    begin, planned = event.at_s, len(canary.steps) * canary.minutes * 60
    for number, step in enumerate(canary.steps):
        start = begin + number * canary.minutes * 60
        end, found = start + canary.minutes * 60, 0.0
        now = start
        while now < min(end, event.end_s):
            span = min(_LOOK_S, end - now)
            rate = float(rate_rps[int(now // STEP_S) % len(rate_rps)])
            found += random.poisson(rate * step / 100 * bad.errors * span)
            _fill(share, now, now + span, step / 100)
            now += span
            if found >= _PROOF:
                return DayRollout(share, now, f"the canary's judge, at {step:g} %", planned)
    start = begin + planned
    back = min(start + bad.by_hand_s, event.end_s)
    _fill(share, start, back, 1.0)
    why = "people, woken by an alert" if start < event.end_s else "nobody: it was never everywhere"
    return DayRollout(share, back, why, planned)


def _fill(share: Floats, start_s: float, end_s: float, value: float) -> None:
    """Sets the steps that an interval covers; one that it covers in part gets its part."""
    for index in range(int(start_s // STEP_S), min(int(end_s // STEP_S) + 1, len(share))):
        covered = min(end_s, (index + 1) * STEP_S) - max(start_s, index * STEP_S)
        share[index] += value * max(covered, 0.0) / STEP_S
