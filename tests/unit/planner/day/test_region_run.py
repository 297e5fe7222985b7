from __future__ import annotations

import pytest

from planner.calibration import REFERENCE, load
from planner.day.day_bill import DayMeter
from planner.day.pace import Pace
from planner.day.region_run import RegionRun, Rig
from planner.day.requirements import load_instances
from planner.prices import load_prices
from tests.unit.planner.day.days import changed, needs

TASK = "news-feed"
CALIBRATION, _ = load([REFERENCE])


def region(**changes: object) -> RegionRun:
    design = changed(TASK, {name.replace("__", "."): value for name, value in changes.items()})
    meter = DayMeter(design, needs(TASK), load_instances()["c7i.2xlarge"], load_prices(), CALIBRATION)
    pace = Pace(CALIBRATION, needs(TASK), design)
    return RegionRun("here", Rig(design, needs(TASK), pace, meter, CALIBRATION.cache.bytes_per_key, 37e-6, 118e-6))


def test_a_zone_takes_its_replicas_and_its_part_of_the_cache() -> None:
    run = region(servers__replicas=6)
    before = run.step(0.0, 20_000, 0.0, 0.0)
    run.lose_zone(15.0, 3600.0)
    after = run.step(15.0, 20_000, 0.0, 0.0)
    assert (before.ready, after.ready) == (6, 4)
    assert after.hits[0] == pytest.approx(before.hits[0] * 2 / 3, abs=0.02)
    assert after.lost_zone


def test_lost_replicas_are_replaced_after_five_minutes_and_their_start() -> None:
    run = region(servers__replicas=6, autoscaling__metric="none")
    run.step(0.0, 5000, 0.0, 0.0)
    run.lose_zone(0.0, 3600.0)
    ready = {now: run.step(float(now), 5000, 0.0, 0.0).ready for now in range(0, 600, 15)}
    assert ready[465] == 4
    assert ready[495] == 6


def test_an_autoscaler_adds_replicas_once_they_have_started() -> None:
    run = region()
    ready = [run.step(now, 40_000, 0.0, 0.0).ready for now in range(0, 600, 15)]
    assert ready[0] == 3
    assert ready[11] == 3, "a start takes 180 s"
    assert ready[-1] > 6


def test_replicas_that_are_starting_are_given_up_before_ready_ones() -> None:
    run = region(autoscaling__stabilisation_s=0)
    for now in range(0, 90, 15):
        coming = run.step(float(now), 60_000, 0.0, 0.0)
    assert coming.starting > 0
    for now in range(90, 165, 15):
        calm = run.step(float(now), 500, 0.0, 0.0)
    assert (calm.ready, calm.starting) == (3, 0)


def test_a_dead_region_answers_nothing_and_comes_back_with_an_empty_cache() -> None:
    run = region()
    run.step(0.0, 5000, 0.0, 0.0)
    run.die(15.0, 60.0)
    assert run.step(30.0, 5000, 0.0, 0.0).failed == 1.0
    assert run.step(60.0, 5000, 0.0, 0.0).hits == (0.0,)


def test_too_few_cache_nodes_leave_look_ups_out() -> None:
    few, many = (region(cache__nodes=nodes, cache__gib=5, servers__replicas=12) for nodes in (1, 4))
    crowded, fine = (run.step(0.0, 40_000, 0.0, 0.0) for run in (few, many))
    assert crowded.bypassed > 0.2
    assert fine.bypassed == 0.0
    assert crowded.hits[0] < fine.hits[0]


def test_what_is_older_than_allowed_breaks_the_promise() -> None:
    step = region(cache__lifetime_s=600).step(0.0, 5000, 0.0, 0.0)
    assert step.stale == pytest.approx(step.hits[0] / 2, rel=0.01)


def test_a_bad_version_fails_its_share_and_a_slow_one_takes_room() -> None:
    step = region().step(0.0, 5000, 0.0, 0.5)
    assert step.failed == step.by_release == pytest.approx(0.05)
