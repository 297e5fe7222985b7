"""A design as its author wrote it: replicas, machines, batches, cache, zones, autoscaling, canary.

A design that would be free or infinite is refused with the reason: nothing can be learned from its score.
"""

from __future__ import annotations

import math
import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

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
_MOST_BYTES: Final = 64 * 1024

Count = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Percent = Annotated[float, msgspec.Meta(gt=0, lt=100)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown fields are errors."""


class ServerChoice(_Part, frozen=True, kw_only=True):
    """Replicas in each region, at least; the cores of each; the machine that they run on."""

    replicas: Count
    cores: Annotated[int, msgspec.Meta(ge=1, le=64)]
    instance: str


class BatchChoice(_Part, frozen=True, kw_only=True):
    """Requests that a model computes at once, at most, and how long it waits for them."""

    size: Annotated[int, msgspec.Meta(ge=1, le=128)] = 1
    delay_ms: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0


class CacheChoice(_Part, frozen=True, kw_only=True):
    """The cache of each region: nodes, GiB of answers that it may hold, seconds an answer lives, copies of each."""

    nodes: Annotated[int, msgspec.Meta(ge=0, le=500)] = 0
    gib: NotNegative = 0.0
    lifetime_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 30.0
    copies: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1


class ScalingChoice(_Part, frozen=True, kw_only=True):
    """What the autoscaler watches, its target for each replica, the most replicas, and how long it waits to remove.

    The target of ``cpu`` is a share of the cores (0.6), of ``requests`` requests a second, of ``in_flight`` requests
    that are in a replica at a time.
    """

    metric: Literal["none", "cpu", "requests", "in_flight"] = "none"
    target: Annotated[float, msgspec.Meta(ge=0.001)] = 0.6
    max_replicas: Count = 1
    stabilisation_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 300.0


class CanaryChoice(_Part, frozen=True, kw_only=True):
    """Shares of the traffic, in per cent, that a new version gets one after the other, and minutes at each."""

    steps: Annotated[list[Percent], msgspec.Meta(max_length=20)] = []
    minutes: Annotated[float, msgspec.Meta(gt=0, le=1440)] = 10.0


class FleetDesign(_Part, frozen=True, kw_only=True):
    """A design file as a whole."""

    regions: Count
    zones: Count
    servers: ServerChoice
    batch: BatchChoice = BatchChoice()
    cache: CacheChoice = CacheChoice()
    autoscaling: ScalingChoice = ScalingChoice()
    canary: CanaryChoice = CanaryChoice()


def load_design(
    path: Path, needs: DayRequirements, instances: Mapping[str, InstanceType], valkey: InstanceType
) -> FleetDesign:
    """The design in a file.

    Raises:
        InvalidValueError: there is no such file, or it is no design, or one that is free or infinite.
    """
    document = _read(path)
    for name, number in _numbers(document):
        if not math.isfinite(number):
            raise InvalidValueError(name, number, "expected a finite number: nothing of this can be bought or built")
    for where, name, known in _strangers(document):
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidValueError(f"{where}{name}", "set", f"expected only {', '.join(known)}{hint}")
    try:
        design = msgspec.convert(document, FleetDesign)
    except msgspec.ValidationError as problem:
        raise InvalidValueError("design", str(path), str(problem)) from None
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


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InvalidValueError("design", str(path), "expected a file")
    with path.open("rb") as file:
        raw = file.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise InvalidValueError("design", str(path), f"expected at most {_MOST_BYTES} bytes")
    try:
        return tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as problem:
        raise InvalidValueError("design", str(path), f"expected TOML: {problem}") from None


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, float):
        yield name, value


def _strangers(document: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    parts = {
        "servers": ServerChoice, "batch": BatchChoice, "cache": CacheChoice, "autoscaling": ScalingChoice,
        "canary": CanaryChoice,
    }  # fmt: skip
    known = list(FleetDesign.__struct_fields__)
    yield from (("", name, known) for name in document if name not in known)
    for part, kind in parts.items():
        inside = document.get(part)
        names, given = list(kind.__struct_fields__), inside if isinstance(inside, dict) else {}
        yield from ((f"{part}.", name, names) for name in given if name not in names)


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
