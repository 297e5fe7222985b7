from __future__ import annotations

import numpy as np
import pytest

from planner.day.canary_release import DayRollout, roll_out
from planner.day.fleet_design import CanaryChoice
from planner.day.requirements import BadRelease, load_requirements
from planner.day.timetable import DAY_S, STEP_S, make_timetable
from workbench.versions import ROOT

EVENTS = make_timetable(load_requirements(ROOT / "interview/design/credit-decisions.toml"), 1)
BEGIN = EVENTS.release.at_s


def released(steps: list[float], minutes: float, rate: float, errors: float = 0.1, seed: int = 1) -> DayRollout:
    rates = np.full(DAY_S // STEP_S, rate)
    return roll_out(CanaryChoice(steps=steps, minutes=minutes), BadRelease(errors=errors), EVENTS.release, rates, seed)


def test_a_bad_version_is_taken_back_at_its_first_step_where_many_requests_come() -> None:
    found = released([1, 10, 50], 10, rate=1000)
    assert found.share.max() == pytest.approx(0.01)
    assert found.back_s - BEGIN <= 180
    assert found.by == "the canary's judge, at 1 %"


def test_a_small_step_proves_nothing_where_few_come_and_a_larger_one_does() -> None:
    found = released([1, 10, 50], 10, rate=10)
    assert found.by == "the canary's judge, at 10 %"
    assert BEGIN + 600 < found.back_s <= BEGIN + 1200


def test_without_a_canary_all_get_the_bad_version_until_people_act() -> None:
    found = released([], 10, rate=1000)
    assert found.share.max() == 1.0
    assert found.back_s - BEGIN == 1800
    assert found.by == "people, woken by an alert"


def test_too_short_a_canary_lets_the_version_through() -> None:
    found = released([1], 1, rate=10)
    assert found.share.max() == 1.0
    assert found.by == "people, woken by an alert"


def test_a_canary_that_takes_all_day_never_ends_in_its_time() -> None:
    found = released([1.0] + [float(n) for n in range(2, 10)], 60, rate=0.01)
    assert found.by.startswith("nobody")
    assert found.planned_s == 9 * 3600
    assert found.share.max() < 0.1


def test_the_same_seed_takes_it_back_at_the_same_moment() -> None:
    first, again = (released([1, 10], 30, rate=8, seed=5) for _ in range(2))
    assert first.back_s == again.back_s
    assert np.array_equal(first.share, again.share)
