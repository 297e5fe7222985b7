"""What exercise 8 must do: plans for demands that nobody has seen before, rehearsed in the planner's simulation."""

from __future__ import annotations

from math import log
from random import Random
from statistics import median
from typing import TYPE_CHECKING

from course.exercises import CheckFailedError, expect, load
from planner.pods import ZoneLoss
from planner.request_path import RequestPath, Visit
from planner.simulation import FleetShape, Scenario, simulate_fleet

if TYPE_CHECKING:
    from pathlib import Path

LOST_AT_S, NOTICED_S, ENDS_S = 1.0, 0.5, 12.0
SETTLED_S = 2.5
TOLERATED = 1.5  # of the limit: the median of three p99s, each of some thousand requests that wait for each other
LARGEST = 1.3  # of what must be
LIMITS = ((6.5, 8.0), (9.0, 12.0), (15.0, 20.0))  # in times of the work
RUNS = 3


def check_the_servers_left_keep_the_promise(answer: Path) -> None:
    plan, random = load(answer).plan, Random()  # noqa: S311 - examples
    for limits in LIMITS:
        peak_rps, work_s, limit_s, zones = demand(random, limits)
        servers = plan(peak_rps, work_s, limit_s, zones)
        asked = f"{peak_rps:.0f} requests/s of {work_s * 1e3:.1f} ms, limit {limit_s * 1e3:.0f} ms, {zones} zones"
        expect(isinstance(servers, int) and servers > 0, f"{asked}: {servers!r}: expected a number of servers")
        expect(servers % zones == 0, f"{asked}: {servers} servers: expected equal numbers in each of {zones} zones")
        p99_s = median(rehearsed(servers, peak_rps, work_s, zones) for _ in range(RUNS))
        kept = p99_s <= limit_s * TOLERATED
        expect(kept, f"{asked}: without a zone {servers} servers have a p99 of {p99_s * 1e3:.0f} ms")


def check_no_money_is_wasted(answer: Path) -> None:
    plan, random = load(answer).plan, Random()  # noqa: S311 - examples
    for number in range(50):
        peak_rps, work_s, limit_s, zones = demand(random, LIMITS[number % len(LIMITS)])
        least = peak_rps * work_s / (1 - work_s * log(100) / limit_s) * zones / (zones - 1)
        most = least * LARGEST + zones
        servers = plan(peak_rps, work_s, limit_s, zones)
        expect(servers <= most, f"{servers} servers where {least:.1f} would do: expected {most:.0f} at most")


def check_what_no_server_can_do_is_refused(answer: Path) -> None:
    try:
        servers = load(answer).plan(100.0, 0.02, 0.05, 3)
    except ValueError:
        return
    raise CheckFailedError(
        f"work of 20 ms, limit 50 ms: {servers} servers: expected ValueError, an idle one takes 92 ms"
    )


def demand(random: Random, limits: tuple[float, float]) -> tuple[float, float, float, int]:
    """A peak in requests a second, seconds of work, the limit in seconds, and the zones."""
    work_s = random.uniform(0.004, 0.012)
    return random.uniform(400, 900), work_s, work_s * random.uniform(*limits), random.choice((2, 3, 4))


def rehearsed(servers: int, peak_rps: float, work_s: float, zones: int) -> float:
    """The p99 in seconds once a zone is away and everybody knows."""
    path = RequestPath("a request", "computed", 1.0, (Visit("model", work_s, 1.0),), (), (0.0, 0.0))
    lost = ZoneLoss(0, LOST_AT_S, NOTICED_S)
    scenario = Scenario(peak_rps, ENDS_S, 0.5, seed=Random().randrange(10**6), lost=lost)  # noqa: S311 - examples
    answers = simulate_fleet([path], FleetShape({"model": servers}, zones, choices=1), scenario)
    (p99_ms,) = answers.percentiles_ms([0.99], (SETTLED_S, ENDS_S))
    return p99_ms / 1e3
