"""The whole plan: the fleet with a warm and a cold cache, its rehearsals, its regions and its assumptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from planner.fleet import Ask, FleetPlan, plan_fleet
from planner.rehearsal import RehearsalPhase, curve, lose_a_region, lose_a_zone
from planner.request_path import mean_and_scv, request_paths
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.calibration import Calibration
    from planner.prices import Prices

__all__ = ["ColdStart", "Plan", "Point", "Region", "make_plan"]

_POINTS: Final = (0.2, 0.4, 0.6, 0.75, 0.85, 0.92)
_REGIONS: Final = (1, 2, 3, 4)
_REHEARSED: Final = 3
_TWO_MOMENTS: Final = 1.0
"""The squared coefficient of variation up to which the closed form holds, see `planner.closed_form`."""


class Point(msgspec.Struct, frozen=True):
    """p99 at a utilisation of every pod, in closed form and in the simulation."""

    utilisation: float
    closed_form_ms: float
    simulated_ms: float


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """So many regions, one of which may be lost: what each must hold, and what all cost together."""

    regions: int
    qps_each: float
    qps_held: float
    cores: int
    per_hour: float
    per_million: float


class ColdStart(msgspec.Struct, frozen=True, kw_only=True):
    """The warm fleet on the day its cache is empty, all zones up.

    ``holds_rps`` is the rate at which its busiest station is as busy as planned; what comes above it must be shed.
    """

    busiest: str
    utilisation: float
    holds_rps: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The document in ``.run/3/plan.json``."""

    ask: Ask
    warm: FleetPlan
    cold: FleetPlan
    cold_start: ColdStart
    zone_rehearsal: list[RehearsalPhase]
    region_rehearsal: list[RehearsalPhase]
    points: list[Point]
    regions: list[Region]
    calibration: str
    calibrated: str
    prices_oldest: str
    assumptions: list[str]


def make_plan(calibration: Calibration, source: Path, prices: Prices, ask: Ask) -> Plan:
    """The plan of a fleet: sized, rehearsed in the simulation, and priced.

    Raises:
        InvalidValueError: a figure of the ask is out of range, a kind was not measured, or no fleet is fast enough.
    """
    _check(calibration, ask)
    warm, fleet = plan_fleet(calibration, prices, ask)
    cold, _ = plan_fleet(calibration, prices, _cold(ask))
    return Plan(
        ask=ask,
        warm=warm,
        cold=cold,
        cold_start=_cold_start(calibration, ask, warm),
        zone_rehearsal=lose_a_zone(fleet),
        region_rehearsal=lose_a_region(fleet, _REHEARSED),
        points=[Point(busy, *(round(ms, 3) for ms in curve(fleet, busy))) for busy in _POINTS],
        regions=[_region(calibration, prices, ask, count) for count in _REGIONS],
        calibration=str(source),
        calibrated=calibration.date,
        prices_oldest=prices.oldest,
        assumptions=_assumptions(calibration, prices, ask),
    )


def _check(calibration: Calibration, ask: Ask) -> None:
    for kind, ratio in ask.hit_ratio.items():
        if not 0 <= ratio <= 1:
            raise InvalidValueError(f"hit_ratio of {kind}", ratio, "expected from 0 to 1")
        if ratio and not calibration.cached(kind):
            raise InvalidValueError(f"hit_ratio of {kind}", ratio, "expected 0: this kind is never cached")
    if not ask.mix or any(not weight > 0 for weight in ask.mix.values()):
        raise InvalidValueError("mix", ask.mix, "expected at least one kind, each with a weight above 0")
    if not ask.p99_ms > 0:
        raise InvalidValueError("p99_ms", ask.p99_ms, "expected above 0")
    for name in ("network_ms", "ttl_s", "replicas"):
        if not getattr(ask, name) >= 0:
            raise InvalidValueError(name, getattr(ask, name), "expected 0 or more")


def _cold(ask: Ask) -> Ask:
    return msgspec.structs.replace(ask, hit_ratio=dict.fromkeys(ask.hit_ratio, 0.0))


def _cold_start(calibration: Calibration, ask: Ask, warm: FleetPlan) -> ColdStart:
    speedup = ask.gpu_speedup or 1.0
    found = request_paths(calibration, ask.mix, {}, warm.utilisation)
    pods = {station.name: station.pods for station in warm.stations}
    busy = {
        name: ask.qps * visits * mean_s / (speedup if name.startswith("triton") else 1.0) / pods[name]
        for name, (visits, mean_s, _) in mean_and_scv(found).items()
        if name in pods
    }
    name = max(busy, key=lambda station: busy[station])
    holds = min(ask.qps * warm.utilisation / busy[name], ask.qps)
    return ColdStart(busiest=name, utilisation=round(busy[name], 3), holds_rps=round(holds, 1))


def _region(calibration: Calibration, prices: Prices, ask: Ask, count: int) -> Region:
    held = ask.qps / max(count - 1, 1)
    fleet, _ = plan_fleet(calibration, prices, msgspec.structs.replace(ask, qps=held))
    # Machines are bought for what a region may have to hold; bytes are paid for where they flow.
    traffic = {prices.cross_zone.name, prices.egress.name}
    fixed = sum(cost for name, cost in fleet.bill.per_hour.items() if name not in traffic)
    flowing = sum(cost for name, cost in fleet.bill.per_hour.items() if name in traffic)
    per_hour = fixed * count + flowing * ask.qps / held
    return Region(
        regions=count,
        qps_each=round(ask.qps / count, 1),
        qps_held=round(held, 1),
        cores=fleet.cores * count,
        per_hour=round(per_hour, 2),
        per_million=round(per_hour / (ask.qps * 3600) * 1e6, 4),
    )


def _assumptions(calibration: Calibration, prices: Prices, ask: Ask) -> list[str]:
    stamp = calibration.hardware
    found = request_paths(calibration, ask.mix, ask.hit_ratio, 1 - ask.headroom)
    scv = max(visit.scv for each in found for visit in each.visits)
    assumptions = [
        f"every pod has one core like those of the calibration: {stamp['cpu']}, measured {calibration.date[:10]}",
        "a request costs a pod what it costs the machine of the calibration when that is as busy",
        "the time that is neither CPU nor queueing is the calibration's, with all its machine's noise",
        f"work of one kind varies as much as the spread of its measured latencies allows: c² up to {scv:.2g}",
        f"{ask.network_ms:g} ms of network at each hop: not measured",
        "requests go to pods at random: what a balancer that looks at queues saves is left as margin",
        f"from the cache: {_ratios(ask.hit_ratio)}; an answer stays for {ask.ttl_s:g} s",
        "more traffic is more people, not people who ask more often: else the cache would answer more",
        f"{prices.cloud} {prices.region} list prices on demand, the oldest as of {prices.oldest}: to be checked",
    ]
    if ask.gpu_speedup is not None:
        assumptions.insert(
            0, f"one GPU does {ask.gpu_speedup:g} cores' model work: your figure, nothing here has measured it"
        )
    if scv > _TWO_MOMENTS:
        assumptions.append(
            f"work with c² above {_TWO_MOMENTS:g} waits as its shape will have it, and the closed form knows none: "
            "its p99 may be a third too low, believe the rehearsal"
        )
    if calibration.noise.noisy:
        assumptions.append("the machine was noisy during the calibration: its p99 is too high, and so is the plan's")
    if calibration.note:
        assumptions.append(calibration.note)
    return assumptions


def _ratios(hit_ratio: dict[str, float]) -> str:
    return ", ".join(f"{kind} {ratio:.0%}" for kind, ratio in hit_ratio.items() if ratio) or "nothing"
