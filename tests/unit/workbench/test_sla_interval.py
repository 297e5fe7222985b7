"""The intervals are exact, agree with each other, and hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from workbench.sla.interval import Share, Tail, independent, seconds_to_tell, share_of


@pytest.mark.parametrize(("hits", "of"), [(0, 763), (1, 40), (12, 1000), (39, 40), (7, 7)])
def test_each_end_is_the_share_at_which_as_extreme_a_count_has_5_percent(hits: int, of: int) -> None:
    share = independent(hits, of)
    if hits:
        assert binom.sf(hits - 1, of, share.low) == pytest.approx(0.05)
    if hits < of:
        assert binom.cdf(hits, of, share.high) == pytest.approx(0.05)
    assert share.low <= hits / of <= share.high


def test_what_the_lesson_and_the_interview_say_of_a_thousand_requests() -> None:
    assert binom.cdf(10, 1000, 0.012) == pytest.approx(0.35, abs=0.005)
    nine = independent(9, 1000)
    assert (nine.low, nine.high) == pytest.approx((0.005, 0.016), abs=0.0005)
    assert [n for n in range(40) if independent(n, 1000).high <= 0.01] == list(range(5))
    assert next(n for n in range(40) if independent(n, 1000).low > 0.01) == 16
    assert next(n for n in range(1, 400) if independent(0, n).high <= 0.01) == 299
    assert independent(0, 2994).high > 0.001 > independent(0, 2995).high
    assert independent(0, 1000).high == pytest.approx(3 / 1000, rel=0.01)  # the rule of three


def test_none_of_763_proves_a_share_below_0_39_percent() -> None:
    assert independent(0, 763).high == pytest.approx(0.0039, abs=0.00005)


def test_the_interval_of_a_percentile_is_made_of_order_statistics() -> None:
    latencies = np.arange(1, 1001, dtype=float)
    low, high = Tail(latencies, np.arange(1000) % 10).percentile_ms(0.01, 990.0)
    assert (low, high) == (985.0, 996.0)  # at most 15, at least 4 of 1,000 are slower
    assert binom.sf(14, 1000, 0.01) > 0.05 > binom.sf(15, 1000, 0.01)
    assert binom.cdf(4, 1000, 0.01) < 0.05 < binom.cdf(5, 1000, 0.01)


def test_what_is_said_of_a_limit_and_of_the_percentile_agrees_whatever_the_clusters() -> None:
    random = np.random.default_rng(4)
    for _ in range(50):
        latencies = np.round(random.exponential(10, 400), 1)
        blocks = np.arange(400) // 40
        latencies[blocks == random.integers(10)] *= random.integers(1, 6)
        tail = Tail(latencies, blocks)
        for limit in (0.0, 20.0, 45.0, 60.0, 1000.0):
            low, high = tail.percentile_ms(0.05, limit)
            said = tail.over(limit)
            assert (said.high <= 0.05) == (high is not None and high <= limit)
            assert (said.low > 0.05) == (limit < low)


def test_a_burst_counts_for_one() -> None:
    blocks = np.arange(1000) // 100
    spread, burst = (share_of(np.isin(np.arange(1000), at), blocks) for at in (np.arange(10) * 100, np.arange(10)))
    assert (spread.hits, spread.weight) == (burst.hits, 1.0) == (10, 1.0)
    assert burst.weight == pytest.approx(0.1, abs=0.01)
    assert burst.high > spread.high


def test_a_run_that_goes_on_tells_in_the_time_foretold() -> None:
    share = independent(5, 1000)
    seconds = seconds_to_tell(share, 0.01, 10.0)
    assert seconds is not None
    assert not share.told(0.01)
    assert share.stretched(seconds / 10).told(0.01)
    assert not share.stretched(seconds / 10 - 0.3).told(0.01)
    assert seconds_to_tell(independent(10, 1000), 0.01, 10.0) is None


@pytest.mark.parametrize("truth", [0.005, 0.01, 0.02])
def test_an_end_is_wrong_in_at_most_5_percent_of_runs(truth: float) -> None:
    random = np.random.default_rng(14)
    blocks = np.arange(1000) // 100
    shares: list[Share] = [share_of(random.random(1000) < truth, blocks) for _ in range(1000)]
    assert sum(share.high < truth for share in shares) <= 60  # 5 % and twice the simulation's own error
    assert sum(share.low > truth for share in shares) <= 60
