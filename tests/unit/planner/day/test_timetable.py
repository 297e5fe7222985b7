from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from planner.day.requirements import load_requirements
from planner.day.timetable import DAY_S, STEP_S, clock, make_timetable, rates
from workbench.versions import ROOT

TASKS = sorted(
    path
    for path in (ROOT / "interview/design").glob("*.toml")
    if path.stem not in {"starter", "starter-tokens", "shop-assistant"}
)


@pytest.mark.parametrize("task", TASKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", range(5))
def test_no_two_events_of_a_day_meet_and_all_are_within_it(task: object, seed: int) -> None:
    events = make_timetable(load_requirements(task), seed)  # type: ignore[arg-type]
    ends = [(event.at_s, event.end_s) for event in events]
    assert ends == sorted(ends)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ends))
    assert ends[0][0] >= 0
    assert ends[-1][1] <= DAY_S
    assert events.at(events.cold.at_s) == events.cold


def test_traffic_has_its_peak_its_night_and_its_spike() -> None:
    needs = load_requirements(ROOT / "interview/design/flash-sale.toml")
    events = make_timetable(needs, 1)
    (found,) = rates(needs, events, 1)
    hour = np.arange(0, DAY_S, STEP_S) / 3600
    calm = found[(hour > needs.peak_hour + 1.5) & (hour < needs.peak_hour + 2)]
    assert found[np.abs(hour - (needs.peak_hour - 12)) < 0.2].mean() == pytest.approx(1500, rel=0.1)
    assert 11_000 < calm.mean() < 15_500
    assert found.max() == pytest.approx(needs.peak_rps * needs.spike.factor, rel=0.15)
    assert clock(events.spike.at_s)[2] == ":"


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    needs = load_requirements(ROOT / "interview/design/iris-everywhere.toml")
    days = [(make_timetable(needs, seed), rates(needs, make_timetable(needs, seed), seed)) for seed in (1, 1, 2)]
    assert days[0][0] == days[1][0] != days[2][0]
    assert np.array_equal(days[0][1], days[1][1])
    assert not np.array_equal(days[0][1], days[2][1])


def test_a_later_region_has_its_hill_later() -> None:
    needs = load_requirements(ROOT / "interview/design/iris-everywhere.toml")
    first, second = rates(needs, make_timetable(needs, 1), 1)
    assert np.argmax(second[STEP_S:]) > np.argmax(first) - 240
    morning = slice(0, 4 * 240)
    assert second[morning].mean() / second.mean() > first[morning].mean() / first.mean()


def test_a_moment_is_written_as_people_write_it() -> None:
    assert clock(19 * 3600 + 42 * 60 + 30.5) == "19:42:30"
