from __future__ import annotations

import numpy as np
import pytest

from workbench.drift.characteristics import AlertRule, false_alarms, flagged, scrapes
from workbench.verdicts import SEED

RULE = AlertRule.read()


def test_false_alarms_keep_their_bound_even_where_it_is_loose() -> None:
    assert false_alarms(SEED, alpha=0.1, runs=50) <= 5


@pytest.mark.parametrize(
    ("reference", "shift", "within", "at_least", "at_most"),
    [(150, 1.0, 450, 27, 30), (20_000, 0.3, 5_000, 27, 30), (20_000, 0.5, 400, 27, 30), (150, 0.3, 5_000, 0, 5)],
)
def test_shifts_are_flagged_as_often_as_the_power_table_says(
    reference: int, shift: float, within: int, at_least: int, at_most: int
) -> None:
    assert at_least <= sum(flagged(SEED, reference, shift, within, runs=30)) <= at_most


def test_the_rule_asks_for_one_alarm_within_an_hour() -> None:
    assert AlertRule(within_s=3600, for_s=0) == RULE
    assert RULE.fires([False, True, False], 15)
    assert not RULE.fires([False] * 40, 15)


def test_a_rule_that_waits_fires_once_alarms_have_had_no_gap_for_so_long() -> None:
    waits = AlertRule(within_s=0, for_s=30)
    assert waits.fires([False, True, True, True], 15)
    assert not waits.fires([True, True, False, True, True], 15)


def test_a_shift_by_a_third_of_a_deviation_fires_the_alert() -> None:
    worlds = [scrapes(np.random.default_rng([SEED, run]), 20_000, 0.3, 120) for run in range(8)]
    assert all(RULE.fires(alarms, 15) for alarms in worlds)


def test_traffic_like_the_reference_does_not_fire_the_alert() -> None:
    assert not RULE.fires(scrapes(np.random.default_rng(SEED), 20_000, 0.0, 120), 15)
