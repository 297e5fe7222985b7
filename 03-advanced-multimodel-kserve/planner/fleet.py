"""A sized fleet in figures: pods, cores, machines, memory, Valkey, network, money."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from planner.prices import Bill, NetworkTraffic, bill
from planner.request_path import request_paths
from planner.sizing import SHARDED, Fleet, accelerated, busiest, size
from planner.store_sizing import Store, cached_keys, plan_store

if TYPE_CHECKING:
    from planner.calibration import Calibration
    from planner.prices import InstanceType, Prices
    from planner.request_path import RequestPath
    from planner.sizing import SizedStation

__all__ = ["Ask", "FleetPlan", "StationPlan", "plan_fleet"]

_MEMORY_MARGIN: Final = 1.25
_NODE_USABLE: Final = 0.9
"""Of a node's CPU and memory; the rest is the kubelet's, the system's and the daemons'."""
_PASSES: Final = 2
"""What a request costs depends on how busy a pod may be, and the other way round where p99 decides that."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What the fleet must hold.

    Attributes:
        qps: requests a second at the peak.
        p99_ms: of the whole mix, at the edge, also while a zone is lost.
        headroom: share of every pod's time that is left free even then.
        mix: weights of the kinds.
        hit_ratio: share of each kind that the cache answers.
        network_ms: added at each hop that crosses the network, one way and back together.
        ttl_s: how long the cache keeps an answer.
        feature_keys: keys of the feature store; ``None`` for as many as were measured.
        gpu_speedup: how many cores' model work one GPU does, by assumption; ``None`` for CPUs.
    """

    qps: float
    p99_ms: float
    zones: int = 3
    headroom: float = 0.3
    mix: dict[str, float]
    hit_ratio: dict[str, Share]
    network_ms: float = 0.5
    ttl_s: float = 30.0
    replicas: int = 1
    feature_keys: int | None = None
    gpu_speedup: float | None = None


class StationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The pods of one service, a core (or GPU) each."""

    name: str
    pods: int
    per_zone: int
    memory_gib: float
    goodput_rps: float
    busy: float
    busy_zone_lost: float


class FleetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet for one hit ratio."""

    hit_ratio: dict[str, float]
    utilisation: float
    binds: Literal["headroom", "p99"]
    stations: list[StationPlan]
    cores: int
    gpus: int
    memory_gib: float
    nodes: int
    gpu_nodes: int
    valkey_nodes: int
    features: Store
    cache: Store
    traffic: NetworkTraffic
    bill: Bill
    p50_ms: float
    p99_ms: float
    p99_zone_lost_ms: float


def plan_fleet(calibration: Calibration, prices: Prices, ask: Ask) -> tuple[FleetPlan, Fleet]:
    """The fleet in numbers, and as the models see it.

    Raises:
        InvalidValueError: a figure of the ask is out of range, a kind was not measured, or no fleet is fast enough.
    """
    network_s = ask.network_ms * 1e-3
    utilisation = 1 - ask.headroom
    for _ in range(_PASSES):
        found = request_paths(calibration, ask.mix, ask.hit_ratio, utilisation)
        if ask.gpu_speedup is not None:
            found = accelerated(found, ask.gpu_speedup)
        ceiling = busiest(found, ask.p99_ms, ask.headroom, network_s)
        utilisation = ceiling.utilisation
    sized = size(found, ask.qps, ask.zones, ceiling.utilisation)
    fleet = Fleet(found, sized, ask.qps, ask.zones, network_s, ceiling)
    return _numbers(calibration, prices, ask, fleet), fleet


def _numbers(calibration: Calibration, prices: Prices, ask: Ask, fleet: Fleet) -> FleetPlan:
    stations = [_station(each, calibration) for each in fleet.sized]
    pods = [each for each in stations if each.name not in SHARDED]
    models = [each for each in pods if each.name.startswith("triton")]
    gpus = sum(each.pods for each in models) if ask.gpu_speedup is not None else 0
    on_nodes = [each for each in pods if not (gpus and each in models)]
    features, cache = _stores(calibration, prices, ask, fleet)
    machines = {
        "node": _nodes(on_nodes, prices.node, ask.zones),
        "gpu_node": math.ceil(gpus / max(prices.gpu_node.gpus, 1)),
        "valkey_node": features.nodes + cache.nodes,
    }
    traffic = _traffic(calibration, ask, fleet.found)
    normal = fleet.percentiles({each.name: each.busy for each in fleet.sized})
    lost = fleet.percentiles({each.name: each.busy_zone_lost for each in fleet.sized})
    return FleetPlan(
        hit_ratio=ask.hit_ratio,
        utilisation=round(fleet.ceiling.utilisation, 4),
        binds="p99" if fleet.ceiling.binds == "p99" else "headroom",
        stations=stations,
        cores=sum(each.pods for each in on_nodes),
        gpus=gpus,
        memory_gib=round(sum(each.pods * each.memory_gib for each in pods), 1),
        nodes=machines["node"],
        gpu_nodes=machines["gpu_node"],
        valkey_nodes=machines["valkey_node"],
        features=features,
        cache=cache,
        traffic=traffic,
        bill=bill(prices, ask.qps, machines, traffic),
        p50_ms=round(normal.p50_ms, 3),
        p99_ms=round(normal.p99_ms, 3),
        p99_zone_lost_ms=round(lost.p99_ms, 3),
    )


def _station(each: SizedStation, calibration: Calibration) -> StationPlan:
    resident = calibration.rss_mb.get(each.name.partition("-")[0], 0.0) * 1e6
    return StationPlan(
        name=each.name,
        pods=each.pods,
        per_zone=each.per_zone,
        memory_gib=round(resident * _MEMORY_MARGIN / 1024**3, 3),
        goodput_rps=round(each.goodput_rps, 1),
        busy=round(each.busy, 4),
        busy_zone_lost=round(each.busy_zone_lost, 4),
    )


def _nodes(pods: list[StationPlan], node: InstanceType, zones: int) -> int:
    cores = sum(each.per_zone for each in pods) / (node.vcpus * _NODE_USABLE)
    memory = sum(each.per_zone * each.memory_gib for each in pods) / (node.memory_gib * _NODE_USABLE)
    return math.ceil(max(cores, memory)) * zones


def _stores(calibration: Calibration, prices: Prices, ask: Ask, fleet: Fleet) -> tuple[Store, Store]:
    total = sum(ask.mix.values())
    cached = {kind: weight / total for kind, weight in ask.mix.items() if calibration.cached(kind)}
    misses = ask.qps * sum(share * (1 - ask.hit_ratio.get(kind, 0.0)) for kind, share in cached.items())
    keys = calibration.features.keys if ask.feature_keys is None else ask.feature_keys
    load = {each.name: each.busy * each.pods / fleet.ceiling.utilisation for each in fleet.sized}
    return (
        plan_store(calibration.features, keys, load.get("features", 0.0), ask.replicas, prices.valkey_node),
        plan_store(
            calibration.cache, cached_keys(misses, ask.ttl_s), load.get("cache", 0.0), ask.replicas, prices.valkey_node
        ),
    )


def _traffic(calibration: Calibration, ask: Ask, found: list[RequestPath]) -> NetworkTraffic:
    profiles = [(each.weight, calibration.profile(each.kind, each.result)) for each in found]
    edge = sum(weight * profile.edge_bytes for weight, profile in profiles)
    answer = sum(weight * profile.answer_bytes for weight, profile in profiles)
    inside = sum(weight * max(profile.wire_bytes - profile.edge_bytes, 0.0) for weight, profile in profiles)
    gbit = ask.qps * 8e-9
    other_zone = (ask.zones - 1) / ask.zones
    return NetworkTraffic(*(round(value * gbit, 4) for value in (edge, answer, inside, inside * other_zone)))
