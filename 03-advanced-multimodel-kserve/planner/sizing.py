"""How many pods of each station: as busy as p99 and headroom allow when a zone is lost, and no busier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from planner.closed_form import Percentiles, on_a_fleet
from planner.request_path import mean_and_scv
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.request_path import RequestPath, Visit

__all__ = ["SHARDED", "Ceiling", "Fleet", "SizedStation", "accelerated", "busiest", "size"]

SHARDED: Final = ("cache", "features")
"""Stations that are clusters of primaries: a lost one is replaced by its replica, so they need no spare zone."""
_STEPS: Final = 14
_IDLE: Final = 1e-6


class Ceiling(NamedTuple):
    """How busy a pod may be at most, by what that is limited (``headroom`` or ``p99``), and the percentiles there."""

    utilisation: float
    binds: str
    at_ceiling: Percentiles


class SizedStation(NamedTuple):
    """One station: pods in each zone and in all, and how busy each is with all zones up and with one lost.

    ``goodput_rps`` is what one pod answers at the ceiling: requests of the whole mix, of which it does its part.
    """

    name: str
    per_zone: int
    pods: int
    busy: float
    busy_zone_lost: float
    goodput_rps: float


class Fleet(NamedTuple):
    """A sized fleet: what it serves, at which rate, in how many zones, and how busy its pods may be."""

    found: list[RequestPath]
    sized: list[SizedStation]
    qps: float
    zones: int
    network_s: float
    ceiling: Ceiling

    def percentiles(self, busy: Mapping[str, float]) -> Percentiles:
        """The percentiles in closed form, with each station as busy as given."""
        return on_a_fleet(self.found, busy, self.network_s)


def busiest(found: Sequence[RequestPath], p99_ms: float, headroom: float, network_s: float) -> Ceiling:
    """The highest utilisation, the same for all stations, that keeps p99 and leaves the headroom.

    Latency depends on how busy each pod is, not on how many there are, so this is found once for any rate.

    Raises:
        InvalidValueError: not even an idle fleet keeps this p99, or the headroom is not from 0 to below 1.
    """
    if not 0 <= headroom < 1:
        raise InvalidValueError("headroom", headroom, "expected from 0 to below 1")
    idle = _at(found, _IDLE, network_s)
    if idle.p99_ms > p99_ms:
        raise InvalidValueError("p99_ms", p99_ms, f"expected at least {idle.p99_ms:.3g}, the p99 of an idle fleet")
    limit = min(1 - headroom, 0.99)
    at_limit = _at(found, limit, network_s)
    if at_limit.p99_ms <= p99_ms:
        return Ceiling(limit, "headroom", at_limit)
    low, high = _IDLE, limit
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at(found, middle, network_s).p99_ms <= p99_ms else (low, middle)
    return Ceiling(low, "p99", _at(found, low, network_s))


def size(found: Sequence[RequestPath], qps: float, zones: int, utilisation: float) -> list[SizedStation]:
    """Pods of each station for this rate, so that what is left of one zone fewer is no busier than this.

    Raises:
        InvalidValueError: the rate is not above 0, or there is no zone.
    """
    if not qps > 0 or not math.isfinite(qps):
        raise InvalidValueError("qps", qps, "expected above 0")
    if zones < 1:
        raise InvalidValueError("zones", zones, "expected at least 1")
    sized = []
    for name, (visits, mean_s, _) in sorted(mean_and_scv(found).items()):
        load = qps * visits * mean_s
        left = zones if name in SHARDED or zones == 1 else zones - 1
        per_zone = max(1, math.ceil(load / (utilisation * left) - 1e-9))
        pods = max(1, math.ceil(load / utilisation - 1e-9)) if name in SHARDED else per_zone * zones
        lost = pods if name in SHARDED or zones == 1 else per_zone * left
        goodput = utilisation / (visits * mean_s)
        sized.append(SizedStation(name, math.ceil(pods / zones), pods, load / pods, load / lost, goodput))
    return sized


def accelerated(found: Sequence[RequestPath], speedup: float) -> list[RequestPath]:
    """The paths with the models' work divided by an assumed factor: what one GPU does of one core's work.

    Raises:
        InvalidValueError: the factor is not above 0.
    """
    if not speedup > 0:
        raise InvalidValueError("assume_gpu_speedup", speedup, "expected above 0")

    def faster(visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
        return tuple(v._replace(cpu_s=v.cpu_s / speedup) if v.station.startswith("triton") else v for v in visits)

    return [each._replace(visits=faster(each.visits), after=faster(each.after)) for each in found]


def _at(found: Sequence[RequestPath], utilisation: float, network_s: float) -> Percentiles:
    return on_a_fleet(found, dict.fromkeys(mean_and_scv(found), utilisation), network_s)
