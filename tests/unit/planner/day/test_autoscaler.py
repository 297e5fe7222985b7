from __future__ import annotations

import pytest

from planner.day.autoscaler import Autoscaler, Sighting
from planner.day.fleet_design import ScalingChoice


def scaler(metric: str, target: float, stabilisation_s: float = 0.0) -> Autoscaler:
    choice = ScalingChoice(
        metric=metric,  # type: ignore[arg-type]
        target=target,
        max_replicas=40,
        stabilisation_s=stabilisation_s,
    )
    return Autoscaler(choice, 3)


def sighting(cpu: float = 0.5, requests: float = 100, in_flight: float = 2) -> Sighting:
    return Sighting(cpu, requests, in_flight)


def test_replicas_follow_the_metric_in_proportion() -> None:
    assert scaler("requests", 50).decide(10, 10, sighting(requests=80)) == 16
    assert scaler("in_flight", 4).decide(10, 10, sighting(in_flight=2)) == 5
    assert scaler("cpu", 0.5).decide(10, 10, sighting(cpu=0.54)) == 10, "within the tolerance of a tenth"


@pytest.mark.parametrize(("ready", "expected"), [(3, 7), (10, 20), (30, 40)])
def test_a_step_at_most_doubles_or_adds_four_and_never_more_than_the_most(ready: int, expected: int) -> None:
    assert scaler("requests", 1).decide(ready, ready, sighting()) == expected


def test_never_fewer_than_the_least_and_without_a_metric_always_the_least() -> None:
    assert scaler("requests", 1e6).decide(10, 10, sighting()) == 3
    assert scaler("none", 1).decide(10, 10, sighting(cpu=1.0)) == 3


def test_replicas_stay_until_none_was_needed_for_the_whole_window() -> None:
    slow = scaler("in_flight", 2, stabilisation_s=60)
    wanted = slow.decide(10, 10, sighting(in_flight=2))
    steps = [wanted := slow.decide(10, wanted, sighting(in_flight=0.5)) for _ in range(6)]
    assert steps[:3] == [10, 10, 10]
    assert steps[-1] < 10


def test_cpu_is_seen_a_minute_late_and_a_queue_at_once() -> None:
    late, soon = scaler("cpu", 0.5), scaler("in_flight", 2)
    for each in (late, soon):
        for _ in range(6):
            assert each.decide(10, 10, sighting(cpu=0.5, in_flight=2)) == 10
    busy = sighting(cpu=1.0, in_flight=40)
    assert late.decide(10, 10, busy) == 10
    assert soon.decide(10, 10, busy) == 20


def test_while_replicas_are_starting_a_busy_fleet_does_not_want_fewer() -> None:
    assert scaler("cpu", 0.85).decide(2, 4, sighting(cpu=0.98)) == 4
