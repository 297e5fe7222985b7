"""What the limit does when the load changes at once: a simulation of a gateway before a server with a cache.

Requests arrive by Poisson's law, wait in one queue, and are served one after the other, at a rate that depends on
how much the cache knows. While about as much is asked as can be served, the event loop is late, as it is where the
processes of a level share two cores: that alone once drove the limit to its lowest value, and held it there.
"""

from __future__ import annotations

import heapq
from random import Random
from typing import NamedTuple

import pytest

from shop.gateway.domain.admission import TICK_S, AdaptiveLimit
from shop.gateway.settings import GatewaySettings

IN_TIME_S = 0.05
BASE_S = 0.004  # the way there and back, which other requests share
LATE_S = 0.03
SEEDS = (1, 2, 3)


class Phase(NamedTuple):
    rate: float
    seconds: float


class Shop:
    """A server that answers ``warm`` requests a second once its cache is warm, and ``cold`` before."""

    def __init__(self, cold: float, warm: float, *, known: float) -> None:
        self.cold, self.warm, self.known = cold, warm, known
        self.free_at = 0.0

    @property
    def rate(self) -> float:
        """Answers a second, now."""
        return self.cold + (self.warm - self.cold) * self.known

    def serve(self, now: float, draw: Random) -> float:
        """When a request that comes now is answered."""
        self.known += (1 - self.known) / 1500
        self.free_at = max(self.free_at, now) + draw.expovariate(self.rate)
        return self.free_at + BASE_S


def simulate(limit: AdaptiveLimit, shop: Shop, profile: list[Phase], seed: int) -> list[tuple[float, bool]]:
    """Each request's arrival, and whether it was answered in time."""
    draw, done, outcomes = Random(seed), list[tuple[float, float]](), list[tuple[float, bool]]()
    now = end = 0.0
    tick_at, arrived = TICK_S, 0
    for phase in profile:
        end += phase.seconds
        while (now := now + draw.expovariate(phase.rate)) < end:
            while tick_at <= now:
                answered(limit, done, tick_at)
                # refusals take the loop's time, too: what counts is how much is asked
                limit.adjust(LATE_S if arrived > 0.9 * shop.rate * TICK_S else 0.0)
                tick_at, arrived = tick_at + TICK_S, 0
            arrived += 1
            answered(limit, done, now)
            if not limit.enter():
                outcomes.append((now, False))
                continue
            answer_at = shop.serve(now, draw)
            heapq.heappush(done, (answer_at, answer_at - now))
            outcomes.append((now, answer_at - now <= IN_TIME_S))
        now = end
    answered(limit, done, float("inf"))
    return outcomes


def answered(limit: AdaptiveLimit, done: list[tuple[float, float]], now: float) -> None:
    while done and done[0][0] <= now:
        limit.leave(heapq.heappop(done)[1])


def goodput(outcomes: list[tuple[float, bool]], begin: float, end: float) -> float:
    return sum(good for at, good in outcomes if begin <= at < end) / (end - begin)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("known", [0.0, 1.0], ids=["cold", "warm"])
@pytest.mark.parametrize(
    "step", [(100, 900), (600, 950), (100, 2000), (2000, 500)], ids=lambda step: f"{step[0]} to {step[1]}"
)
def test_two_seconds_after_a_step_nine_tenths_of_what_fits_are_answered(
    step: tuple[float, float], known: float, seed: int
) -> None:
    shop = Shop(cold=700, warm=1000, known=known)
    limit = AdaptiveLimit(GatewaySettings(limit=32))
    outcomes = simulate(limit, shop, [Phase(step[0], 3), Phase(step[1], 8)], seed)
    fits = min(step[1], 1000 if known else 700)
    assert goodput(outcomes, 5, 8) >= 0.9 * fits
    assert goodput(outcomes, 8, 11) >= 0.9 * fits


@pytest.mark.parametrize("seed", SEEDS)
def test_bursts_leave_the_limit_where_it_serves(seed: int) -> None:
    limit, shop = AdaptiveLimit(GatewaySettings(limit=32)), Shop(cold=1000, warm=1000, known=1)
    outcomes = simulate(limit, shop, [Phase(rate, 0.5) for _ in range(10) for rate in (200, 2500)], seed)
    assert goodput(outcomes, 2, 10) >= 0.9 * (200 + 1000) / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_three_times_too_much_is_answered_in_time_or_not_at_all(seed: int) -> None:
    limit, shop = AdaptiveLimit(GatewaySettings(limit=32)), Shop(cold=1000, warm=1000, known=1)
    outcomes = simulate(limit, shop, [Phase(3000, 10)], seed)
    assert goodput(outcomes, 2, 10) >= 0.9 * 1000


def test_a_server_that_becomes_slower_lowers_the_floor() -> None:
    limit, shop = AdaptiveLimit(GatewaySettings(limit=32)), Shop(cold=1000, warm=1000, known=1)
    simulate(limit, shop, [Phase(3000, 4)], 1)
    fast = limit.limit
    slow = Shop(cold=250, warm=250, known=1)
    simulate(limit, slow, [Phase(3000, 6)], 2)
    assert limit.limit < fast / 2
