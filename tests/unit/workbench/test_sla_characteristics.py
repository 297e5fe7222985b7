"""The SLA's verdict is as often right as it says."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest

from workbench.sla.characteristics import World, found_capacities, verdicts


@pytest.mark.parametrize(
    ("slow", "says", "at_least", "at_most"),
    [
        (0.002, "met", 0.85, 1),
        (0.008, "broken", 0, 0.05),
        (0.01, "met", 0, 0.05),
        (0.01, "broken", 0, 0.05),
        (0.012, "met", 0, 0.05),  # 35 of 100, when the p99 measured alone decided
        (0.02, "broken", 0.65, 1),
    ],
)
def test_of_100_servers_so_many_are_judged_rightly(slow: float, says: str, at_least: float, at_most: float) -> None:
    said = verdicts(World(slow), 100, np.random.default_rng(7))
    assert at_least <= said[says] / 100 <= at_most, said


def test_spells_of_slowness_are_rarely_called_broken_and_a_longer_run_rarely_misses_them() -> None:
    random = np.random.default_rng(7)
    assert verdicts(World(0.01, spell_s=0.1), 100, random)["broken"] <= 10
    assert verdicts(World(0.01, spell_s=0.1, seconds=60), 50, random)["met"] <= 5


def test_four_times_the_errors_promised_are_seldom_called_met() -> None:
    world = World(failed=0.004, seconds=15, rate_rps=50)
    assert verdicts(world, 300, np.random.default_rng(7))["met"] <= 24  # 15 on average


def test_a_search_finds_the_capacity_of_a_queue_whose_truth_is_known() -> None:
    found = found_capacities(9, np.random.default_rng(7))
    assert median(found) == pytest.approx(1, abs=0.06)
    assert min(found) > 0.75
