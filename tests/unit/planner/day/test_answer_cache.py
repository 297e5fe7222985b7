from __future__ import annotations

import numpy as np
import pytest

from planner.arrivals import still_cached
from planner.day.answer_cache import AnswerCache
from planner.day.fleet_design import CacheChoice
from planner.day.requirements import BadRelease, DayRequirements, DaySpike, Place, ServedModel

KEYS = 400
BYTES = 1000.0


def needs(skew: float, keys: int = KEYS) -> DayRequirements:
    return DayRequirements(
        peak_rps=100, night=0.5, p99_ms=50, budget_per_day=1, spike=DaySpike(factor=2),
        bad_release=BadRelease(errors=0.1),
        regions=[Place(name="here", share=1)],
        models=[ServedModel(name="any", like="search", share=1, keys=keys, skew=skew)],
    )  # fmt: skip


def a_cache(lifetime_s: float, skew: float, gib: float = 1.0) -> AnswerCache:
    return AnswerCache(CacheChoice(nodes=1, gib=gib, lifetime_s=lifetime_s), needs(skew), BYTES)


@pytest.mark.parametrize(("rate", "lifetime_s", "skew"), [(20, 10, 0.8), (100, 10, 0.8), (50, 30, 0.0), (50, 5, 1.2)])
def test_the_share_of_hits_is_that_of_replayed_traffic(rate: float, lifetime_s: float, skew: float) -> None:
    random = np.random.default_rng(3)
    weights = np.arange(1, KEYS + 1) ** -skew
    seconds = 1500
    times = np.sort(random.random(int(rate * seconds)) * seconds)
    keys = random.choice(KEYS, len(times), p=weights / weights.sum())
    hit = np.array(list(still_cached(times.tolist(), keys.tolist(), lifetime_s)))
    replayed = hit[times > 4 * lifetime_s].mean()
    assert a_cache(lifetime_s, skew).hits(rate, 0.0)[0] == pytest.approx(replayed, abs=0.015)


def test_a_cache_that_was_emptied_fills_again() -> None:
    cache = a_cache(30, 0.8)
    warm = cache.hits(50, 0.0)[0]
    cache.empty(100.0)
    shares = [cache.hits(50, 100.0 + age)[0] for age in (0, 1, 5, 15, 60)]
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(warm, abs=0.01)


def test_a_lost_shard_costs_its_part_until_it_is_replaced() -> None:
    cache = a_cache(30, 0.8)
    warm = cache.hits(50, 0.0)[0]
    cache.empty(100.0, 1 / 3, absent_s=120.0)
    assert cache.hits(50, 219.0)[0] == pytest.approx(warm * 2 / 3)
    assert cache.hits(50, 400.0)[0] == pytest.approx(warm, abs=0.01)


def test_too_little_memory_lowers_the_share_and_none_at_all_ends_it() -> None:
    small = 50 * BYTES / 1024**3
    full, half, none = (a_cache(30, 0.8, gib).hits(100, 0.0)[0] for gib in (1.0, small, 0.0))
    assert full > half > none == 0.0
    assert AnswerCache(CacheChoice(nodes=1, gib=1), needs(0.8, keys=0), BYTES).hits(100, 0.0) == (0.0,)
