from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from planner.distribution import QUANTILES, Grid, quantiles_of, sample
from planner.queueing import Wait


def test_the_quantiles_of_a_grid_are_those_it_was_made_from() -> None:
    grid = Grid.of_quantiles([0.001, 0.002, 0.005])
    assert grid.quantiles([0.5, 0.75]) == pytest.approx([0.002, 0.0035], abs=4e-5)


def test_two_exponential_times_add_up_to_an_erlang_time() -> None:
    exponential = Grid.of_wait(Wait(1.0, 0.01))
    assert exponential.plus(exponential).quantiles([0.99])[0] == pytest.approx(0.0664, rel=0.005)


def test_the_p99_of_a_sum_is_less_than_the_sum_of_the_p99s_where_waits_seldom_strike_together() -> None:
    one = Grid.of_wait(Wait(0.5, 0.004))
    assert one.plus(one).quantiles([0.99])[0] < 2 * one.quantiles([0.99])[0]


def test_and_far_more_where_each_part_stalls_less_often_than_once_in_a_hundred() -> None:
    """Five hops, each 5 ms and, in 0.9 % of its calls, 500 ms: what the interview's question says of them."""
    fast, stalled = Grid.of_quantiles([0.005, 0.005]), Grid.of_quantiles([0.5, 0.5])
    hop = Grid.mixture([(0.991, fast), (0.009, stalled)])
    total = reduce(Grid.plus, [hop] * 5)
    assert hop.quantiles([0.99])[0] == pytest.approx(0.005, abs=1e-4)
    assert total.quantiles([0.99])[0] == pytest.approx(0.52, abs=1e-3)
    meets_a_stall = 1 - 0.991**5
    assert round(1 / meets_a_stall, 1) == 22.6


def test_a_mixture_has_the_tail_of_its_slow_part() -> None:
    fast, slow = Grid.of_quantiles([0.001, 0.0011]), Grid.of_quantiles([0.1, 0.1001])
    assert Grid.mixture([(0.95, fast), (0.05, slow)]).quantiles([0.5, 0.99]) == pytest.approx([0.001, 0.1], abs=2e-4)


def test_samples_have_the_quantiles_they_are_drawn_from() -> None:
    random = np.random.default_rng(1)
    quantiles = quantiles_of(random.exponential(0.01, 20_000))
    assert len(quantiles) == QUANTILES
    assert np.median(sample(quantiles, 20_000, random)) == pytest.approx(0.01 * np.log(2), rel=0.05)


def test_the_share_beyond_a_time_and_the_mean_are_those_of_the_distribution() -> None:
    exponential = Grid.of_wait(Wait(1.0, 0.01))
    assert exponential.beyond(0.03) == pytest.approx(np.exp(-3), rel=0.01)
    assert exponential.beyond(-0.01) == 1.0
    assert exponential.mean_s == pytest.approx(0.01, rel=0.01)
