"""A design as its author wrote it: replicas, machines, batches, cache, zones, autoscaling, canary.

A design that would be free or infinite is refused with the reason: nothing can be learned from its score.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from planner.day.design_file import DesignPart, read_design
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from planner.day.requirements import DayRequirements
    from planner.prices import InstanceType

__all__ = [
    "NODE_USABLE", "VALKEY_USABLE", "BatchChoice", "CacheChoice", "CanaryChoice", "FleetDesign", "ScalingChoice",
    "ServerChoice", "load_design", "replica_gib", "replicas_per_node",
]  # fmt: skip

NODE_USABLE: Final = 0.9
"""Of a machine's cores and memory; the rest is the kubelet's, the system's and the daemons'."""
VALKEY_USABLE: Final = 0.75
"""Of a cache node's memory; the rest is for copies, fragmentation and forks."""
_PROGRAMS_GIB: Final = 0.8
"""Edge, gateway and Triton of one replica as the calibration found them resident, and a fifth more."""

Count = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Percent = Annotated[float, msgspec.Meta(gt=0, lt=100)]


class ServerChoice(DesignPart, frozen=True, kw_only=True):
    """Replicas in each region, at least; the cores of each; the machine that they run on."""

    replicas: Count
    cores: Annotated[int, msgspec.Meta(ge=1, le=64)]
    instance: str


class BatchChoice(DesignPart, frozen=True, kw_only=True):
    """Requests that a model computes at once, at most, and how long it waits for them."""

    size: Annotated[int, msgspec.Meta(ge=1, le=128)] = 1
    delay_ms: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0


class CacheChoice(DesignPart, frozen=True, kw_only=True):
    """The cache of each region: nodes, GiB of answers that it may hold, seconds an answer lives, copies of each."""

    nodes: Annotated[int, msgspec.Meta(ge=0, le=500)] = 0
    gib: NotNegative = 0.0
    lifetime_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 30.0
    copies: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1


class ScalingChoice(DesignPart, frozen=True, kw_only=True):
    """What the autoscaler watches, its target for each replica, the most replicas, and how long it waits to remove.

    The target of ``cpu`` is a share of the cores (0.6), of ``requests`` requests a second, of ``in_flight`` requests
    that are in a replica at a time.
    """

    metric: Literal["none", "cpu", "requests", "in_flight"] = "none"
    target: Annotated[float, msgspec.Meta(ge=0.001)] = 0.6
    max_replicas: Count = 1
    stabilisation_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 300.0


class CanaryChoice(DesignPart, frozen=True, kw_only=True):
    """Shares of the traffic, in per cent, that a new version gets one after the other, and minutes at each."""

    steps: Annotated[list[Percent], msgspec.Meta(max_length=20)] = msgspec.field(default_factory=list)
    minutes: Annotated[float, msgspec.Meta(gt=0, le=1440)] = 10.0


class FleetDesign(DesignPart, frozen=True, kw_only=True):
    """A design file as a whole."""

    regions: Count
    zones: Count
    servers: ServerChoice
    batch: BatchChoice = BatchChoice()
    cache: CacheChoice = CacheChoice()
    autoscaling: ScalingChoice = ScalingChoice()
    canary: CanaryChoice = CanaryChoice()


_PARTS: Final[dict[str, type[DesignPart]]] = {
    "servers": ServerChoice, "batch": BatchChoice, "cache": CacheChoice, "autoscaling": ScalingChoice,
    "canary": CanaryChoice,
}  # fmt: skip


def load_design(
    path: Path, needs: DayRequirements, instances: Mapping[str, InstanceType], valkey: InstanceType
) -> FleetDesign:
    """The design in a file.

    Raises:
        InvalidValueError: there is no such file, or it is no design, or one that is free or infinite.
    """
    design = read_design(path, FleetDesign, _PARTS)
    for name, value, reason in _impossible(design, needs, instances, valkey):
        raise InvalidValueError(name, value, reason)
    return design


def replica_gib(needs: DayRequirements) -> float:
    """Memory of one replica: its programs and all models."""
    return _PROGRAMS_GIB + sum(model.memory_gib for model in needs.models)


def replicas_per_node(design: FleetDesign, needs: DayRequirements, machine: InstanceType) -> int:
    """How many replicas fit on one machine; 0 when not even one does."""
    by_cores = machine.vcpus * NODE_USABLE / design.servers.cores
    by_memory = machine.memory_gib * NODE_USABLE / replica_gib(needs)
    return math.floor(min(by_cores, by_memory) + 1e-9)


def _impossible(
    design: FleetDesign, needs: DayRequirements, instances: Mapping[str, InstanceType], valkey: InstanceType
) -> Iterator[tuple[str, object, str]]:
    """What nobody could build, each with its value and the reason."""
    servers, scaling, cache = design.servers, design.autoscaling, design.cache
    if servers.instance not in instances:
        yield "servers.instance", servers.instance, f"expected one with a price: {', '.join(instances)}"
        return
    machine = instances[servers.instance]
    if not replicas_per_node(design, needs, machine):
        reason = (
            f"expected a replica that fits on {machine.name}: {machine.vcpus * NODE_USABLE:g} of its {machine.vcpus} "
            f"cores and {machine.memory_gib * NODE_USABLE:.3g} GiB are usable, a replica takes {servers.cores} and "
            f"{replica_gib(needs):.3g} GiB"
        )
        yield "servers.cores", servers.cores, reason
    for name, wanted, most, of in (
        ("regions", design.regions, len(needs.regions), "the task names so many"),
        ("zones", design.zones, needs.zones, "a region has no more"),
        ("servers.replicas", servers.replicas, needs.most_replicas, "the account's limit in a region"),
        ("autoscaling.max_replicas", scaling.max_replicas, needs.most_replicas, "the account's limit in a region"),
    ):
        if wanted > most:
            yield name, wanted, f"expected at most {most:,}: {of}"
    if scaling.metric == "cpu" and scaling.target > 1:
        yield "autoscaling.target", scaling.target, "expected at most 1: a share of the cores, such as 0.6"
    if scaling.metric != "none" and scaling.max_replicas < servers.replicas:
        yield "autoscaling.max_replicas", scaling.max_replicas, f"expected at least the {servers.replicas} of servers"
    room = cache.nodes * valkey.memory_gib * VALKEY_USABLE
    if cache.gib * cache.copies > room:
        reason = (
            f"expected at most {room / cache.copies:.3g}: {cache.nodes} nodes of {valkey.memory_gib:g} GiB, three "
            f"quarters of which are for data, hold {cache.copies} × that"
        )
        yield "cache.gib", cache.gib, reason
    if cache.copies > max(cache.nodes, 1):
        yield "cache.copies", cache.copies, f"expected at most the {cache.nodes} nodes: two copies on one die together"
    if sorted(set(design.canary.steps)) != design.canary.steps:
        yield "canary.steps", design.canary.steps, "expected shares that grow, such as [1, 10, 50]"
