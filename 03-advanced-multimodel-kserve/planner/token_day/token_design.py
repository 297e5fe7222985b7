"""A design of an assistant: replicas and machine, engine, door, budget of a key, retries, autoscaling, canary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from planner.day.design_file import DesignPart, read_design
from planner.day.fleet_design import NODE_USABLE, CanaryChoice
from planner.tokens.model import blocks_of
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from planner.prices import InstanceType
    from planner.token_day.token_needs import TokenNeeds
    from planner.tokens.calibration import TokenCalibration

__all__ = [
    "BudgetChoice", "DoorChoice", "EngineChoice", "ReplicaChoice", "RetryChoice", "TokenCanary", "TokenDesign",
    "TokenScaling", "fit_of", "load_token_design",
]  # fmt: skip

_GIB: Final = 1 << 30

Count = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Unit = Literal["none", "requests", "tokens"]


class ReplicaChoice(DesignPart, frozen=True, kw_only=True):
    """Replicas of one core, at least, and the machine that they run on."""

    replicas: Count
    instance: str


class EngineChoice(DesignPart, frozen=True, kw_only=True):
    """Blocks of the KV cache, tokens of a step, sequences at once, and whether it keeps the prefixes of prompts."""

    blocks: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 256
    step_tokens: Annotated[int, msgspec.Meta(ge=16, le=4096)] = 64
    sequences: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 16
    prefix_cache: bool = False


class DoorChoice(DesignPart, frozen=True, kw_only=True):
    """What each replica lets in: requests or tokens, waiting ones too, and how long one may wait; 0 is for ever."""

    by: Unit = "none"
    limit: NotNegative = 0.0
    deadline_s: NotNegative = 0.0


class BudgetChoice(DesignPart, frozen=True, kw_only=True):
    """What each key may use in a minute, of requests or of tokens."""

    by: Unit = "none"
    per_minute: NotNegative = 0.0


class RetryChoice(DesignPart, frozen=True, kw_only=True):
    """How often a client tries again, and how long it waits before."""

    attempts: Annotated[int, msgspec.Meta(ge=0, le=10)] = 0
    backoff_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0


class TokenScaling(DesignPart, frozen=True, kw_only=True):
    """What the autoscaler watches, as `planner.day` has it; ``tokens`` are those in a replica, waiting ones too."""

    metric: Literal["none", "cpu", "requests", "tokens"] = "none"
    target: Annotated[float, msgspec.Meta(ge=0.001)] = 0.6
    max_replicas: Count = 1
    stabilisation_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 300.0


class TokenCanary(CanaryChoice, frozen=True, kw_only=True):
    """Questions of the quality set that a version must answer before it gets traffic, then shares as elsewhere."""

    questions: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0


class TokenDesign(DesignPart, frozen=True, kw_only=True):
    """A design file as a whole."""

    servers: ReplicaChoice
    engine: EngineChoice = EngineChoice()
    admission: DoorChoice = DoorChoice()
    budget: BudgetChoice = BudgetChoice()
    retries: RetryChoice = RetryChoice()
    autoscaling: TokenScaling = TokenScaling()
    canary: TokenCanary = TokenCanary()


_PARTS: Final[dict[str, type[DesignPart]]] = {
    "servers": ReplicaChoice, "engine": EngineChoice, "admission": DoorChoice, "budget": BudgetChoice,
    "retries": RetryChoice, "autoscaling": TokenScaling, "canary": TokenCanary,
}  # fmt: skip


def fit_of(engine: EngineChoice, machine: InstanceType, calibration: TokenCalibration) -> int:
    """How many replicas fit on one machine; 0 when not even one does."""
    bytes_of_one = calibration.memory_bytes(engine.blocks * calibration.shape.block_tokens)
    by_memory = machine.memory_gib * NODE_USABLE * _GIB / bytes_of_one
    return math.floor(min(machine.vcpus * NODE_USABLE / calibration.threads, by_memory) + 1e-9)


def load_token_design(
    path: Path, needs: TokenNeeds, instances: Mapping[str, InstanceType], calibration: TokenCalibration
) -> TokenDesign:
    """The design in a file.

    Raises:
        InvalidValueError: there is no such file, or it is no design, or one that nobody could build.
    """
    design = read_design(path, TokenDesign, _PARTS)
    for name, value, reason in _impossible(design, needs, instances, calibration):
        raise InvalidValueError(name, value, reason)
    return design


def _impossible(
    design: TokenDesign, needs: TokenNeeds, instances: Mapping[str, InstanceType], calibration: TokenCalibration
) -> Iterator[tuple[str, object, str]]:
    servers, scaling, engine = design.servers, design.autoscaling, design.engine
    if servers.instance not in instances:
        yield "servers.instance", servers.instance, f"expected one with a price: {', '.join(instances)}"
        return
    lengths = needs.shoppers.lengths
    longest = max(lengths.most_prompt + lengths.most_answer, needs.abuse.prompt + needs.abuse.answer)
    least = blocks_of(longest, calibration.shape.block_tokens)
    if engine.blocks < least:
        yield "engine.blocks", engine.blocks, f"expected at least {least}: a request may have {longest:,} tokens"
    yield from _unbounded(design, needs)
    machine = instances[servers.instance]
    if not fit_of(engine, machine, calibration):
        yield "engine.blocks", engine.blocks, f"expected a replica that fits into {machine.memory_gib:g} GiB"
    if scaling.metric != "none" and scaling.max_replicas < servers.replicas:
        yield "autoscaling.max_replicas", scaling.max_replicas, f"expected at least the {servers.replicas} of servers"
    if scaling.metric == "cpu" and scaling.target > 1:
        yield "autoscaling.target", scaling.target, "expected at most 1: a share of the core, such as 0.6"
    if sorted(set(design.canary.steps)) != design.canary.steps:
        yield "canary.steps", design.canary.steps, "expected shares that grow, such as [1, 10, 50]"


def _unbounded(design: TokenDesign, needs: TokenNeeds) -> Iterator[tuple[str, object, str]]:
    for name, wanted in (
        ("servers.replicas", design.servers.replicas),
        ("autoscaling.max_replicas", design.autoscaling.max_replicas),
    ):
        if wanted > needs.most_replicas:
            yield name, wanted, f"expected at most {needs.most_replicas:,}: the account's limit"
    for name, unit, value in (
        ("admission.limit", design.admission.by, design.admission.limit),
        ("budget.per_minute", design.budget.by, design.budget.per_minute),
    ):
        if unit != "none" and not value:
            yield name, value, f"expected some {unit}: with none nobody is let in"
