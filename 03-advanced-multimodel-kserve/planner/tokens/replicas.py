"""How many replicas of a language model keep a promise at the peak without a zone, and what a million tokens cost."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from planner.tokens.limits import Exchange, most_rate, most_sequences
from planner.tokens.replica import Replica, ReplicaLoad, TokenPromise
from planner.tokens.traffic import Lengths
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.prices import Prices
    from planner.tokens.calibration import TokenCalibration

__all__ = ["AssistantAsk", "AssistantPlan", "EngineVariant", "ReplicaFleet", "plan_replicas"]

_MORE_MEMORY: Final = 4
_LIMITING: Final = 1.05
_GIB: Final = 1 << 30
_HOUR_S: Final = 3600
_MILLION: Final = 1e6

Positive = Annotated[float, msgspec.Meta(gt=0)]


class AssistantAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the fleet.

    Attributes:
        users: people in the shop at the peak; each asks ``questions_per_hour``.
        zones: of which one may be lost, if there are several.
        headroom: the share of a replica's capacity that stays free even then.
        kv_tokens: tokens for which a replica's cache has room; as calibrated where there is none.
    """

    users: Positive
    questions_per_hour: Positive = 2.0
    lengths: Lengths = Lengths()
    promise: TokenPromise = TokenPromise()
    zones: Annotated[int, msgspec.Meta(ge=1)] = 3
    headroom: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.2
    kv_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None

    @property
    def rate_rps(self) -> float:
        """Requests a second of all users together."""
        return self.users * self.questions_per_hour / _HOUR_S

    def replicas(self, holds_rps: float) -> tuple[int, int]:
        """Replicas in each zone and in all, where each holds so many requests a second and a zone may be lost."""
        left = max(self.zones - 1, 1)
        per_zone = max(1, math.ceil(self.rate_rps / (holds_rps * left) - 1e-9))
        return per_zone, per_zone * self.zones


class ReplicaFleet(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet: its replicas, the memory of each, the nodes that they fill, and dollars.

    Attributes:
        holds_rps: requests a second that one replica answers within the promise, headroom left.
        limited_by: ``memory`` where four times the KV cache would let it hold over 5 % more, else ``compute``.
        nodes_filled_by: ``cores`` or ``memory``, whichever a node has too little of first.
        million_answered, million_all: dollars for a million tokens of answers; of prompts and answers together.
    """

    replicas: int
    per_zone: int
    holds_rps: float
    limited_by: str
    cores: int
    weights_bytes: float
    kv_bytes: float
    process_bytes: float
    nodes: int
    nodes_filled_by: str
    per_hour: float
    million_answered: float
    million_all: float

    @property
    def replica_bytes(self) -> float:
        """Memory of one replica."""
        return self.weights_bytes + self.kv_bytes + self.process_bytes


class EngineVariant(msgspec.Struct, frozen=True, kw_only=True):
    """Another engine under the same promise: what one replica holds, how many are needed, and the cache of each."""

    name: str
    holds_rps: float
    replicas: int
    kv_bytes: float


class AssistantPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The document in ``.run/3/assistant-plan.json``.

    ``most_sequences`` of the longest kind fit into the cache at once; ``most_rps`` is what no batch can exceed.
    """

    ask: AssistantAsk
    rate_rps: float
    fleet: ReplicaFleet
    all_up: ReplicaLoad
    zone_lost: ReplicaLoad
    most_sequences: int
    most_rps: float
    variants: list[EngineVariant]
    calibration: str
    calibrated: str
    prices_as_of: str
    assumptions: list[str]


def plan_replicas(calibration: TokenCalibration, source: Path, prices: Prices, ask: AssistantAsk) -> AssistantPlan:
    """Sizes the fleet by simulation, with a zone lost at the peak, and prices it.

    Raises:
        InvalidValueError: no load is small enough for the promise, or the longest request has no room in the cache.
    """
    replica = _replica(calibration, ask)
    bound = _bound(replica)
    holds = _holds(replica, ask.headroom)
    fleet = _fleet(calibration, prices, ask, (replica, holds))
    left = fleet.replicas - fleet.per_zone if ask.zones > 1 else fleet.replicas
    return AssistantPlan(
        ask=ask,
        rate_rps=round(ask.rate_rps, 3),
        fleet=fleet,
        all_up=replica.at(ask.rate_rps / fleet.replicas),
        zone_lost=replica.at(ask.rate_rps / left),
        most_sequences=most_sequences(replica.shape, ask.lengths.most_prompt, ask.lengths.most_answer),
        most_rps=round(bound, 3),
        variants=list(_variants(calibration, replica, ask)),
        calibration=str(source),
        calibrated=calibration.date,
        prices_as_of=prices.node.as_of,
        assumptions=_assumptions(calibration, prices, ask),
    )


def _replica(calibration: TokenCalibration, ask: AssistantAsk) -> Replica:
    shape = calibration.shape
    if ask.kv_tokens is not None:
        shape = replace(shape, blocks=ask.kv_tokens // shape.block_tokens)
    if not most_sequences(shape, ask.lengths.most_prompt, ask.lengths.most_answer):
        longest = ask.lengths.most_prompt + ask.lengths.most_answer
        raise InvalidValueError("kv_tokens", shape.kv_tokens, f"expected {longest} at least, the longest request")
    return Replica(calibration.cost, shape, ask.lengths, ask.promise)


@lru_cache(maxsize=16)
def _holds(replica: Replica, headroom: float) -> float:
    return replica.largest_rate(_bound(replica)) * (1 - headroom)


def _bound(replica: Replica) -> float:
    typical = Exchange(replica.lengths.prompt, replica.lengths.answer)
    return most_rate(replica.cost, typical, replica.shape.step_tokens)


def _roomier(replica: Replica, times: float) -> Replica:
    return replica._replace(shape=replace(replica.shape, blocks=int(replica.shape.blocks * times)))


def _fleet(
    calibration: TokenCalibration, prices: Prices, ask: AssistantAsk, sized: tuple[Replica, float]
) -> ReplicaFleet:
    replica, holds = sized
    per_zone, replicas = ask.replicas(holds)
    more = _holds(_roomier(replica, _MORE_MEMORY), ask.headroom)
    kv_bytes = replica.shape.kv_tokens * calibration.kv_bytes_per_token
    memory = calibration.model.weights_bytes + kv_bytes + calibration.process_bytes
    by_cores = replicas * calibration.threads / prices.node.vcpus
    by_memory = replicas * memory / _GIB / prices.node.memory_gib
    nodes = max(math.ceil(max(by_cores, by_memory)), ask.zones)
    per_hour = nodes * prices.node.per_hour + prices.cluster.per_hour
    requests = ask.rate_rps * _HOUR_S
    return ReplicaFleet(
        replicas=replicas,
        per_zone=per_zone,
        holds_rps=round(holds, 3),
        limited_by="memory" if more > holds * _LIMITING else "compute",
        cores=replicas * calibration.threads,
        weights_bytes=calibration.model.weights_bytes,
        kv_bytes=kv_bytes,
        process_bytes=calibration.process_bytes,
        nodes=nodes,
        nodes_filled_by="cores" if by_cores >= by_memory else "memory",
        per_hour=round(per_hour, 2),
        million_answered=round(per_hour / (requests * ask.lengths.answer) * _MILLION, 2),
        million_all=round(per_hour / (requests * (ask.lengths.answer + ask.lengths.prompt)) * _MILLION, 2),
    )


def _variants(calibration: TokenCalibration, replica: Replica, ask: AssistantAsk) -> Iterator[EngineVariant]:
    """What each choice is worth: batching, memory, larger steps."""
    longest = ask.lengths.most_prompt + ask.lengths.most_answer
    smallest = -(-longest // replica.shape.block_tokens)
    others = {
        "one sequence after the other": replica._replace(together=False),
        "the smallest cache that holds one": replica._replace(shape=replace(replica.shape, blocks=smallest)),
        "four times the cache": _roomier(replica, _MORE_MEMORY),
        "steps of four times the tokens": replica._replace(
            shape=replace(replica.shape, step_tokens=replica.shape.step_tokens * 4)
        ),
    }
    for name, other in others.items():
        try:
            holds = _holds(other, ask.headroom)
        except InvalidValueError:
            holds = 0.0  # no load is small enough
        yield EngineVariant(
            name=name,
            holds_rps=round(holds, 3),
            replicas=ask.replicas(holds)[1] if holds else 0,
            kv_bytes=other.shape.kv_tokens * calibration.kv_bytes_per_token,
        )


def _assumptions(calibration: TokenCalibration, prices: Prices, ask: AssistantAsk) -> list[str]:
    lengths, stamp = ask.lengths, calibration.hardware
    return [
        f"every replica has {calibration.threads} core like the calibration's: {stamp['cpu']}, {calibration.date[:10]}",
        f"each user asks {ask.questions_per_hour:g} questions in the hour of the peak, at times of chance",
        f"prompts: {lengths.prompt:g} tokens on average, {lengths.most_prompt} at most",
        f"answers: {lengths.answer:g} tokens on average, {lengths.most_answer} at most",
        "only the engine's process is counted, not the gateway in front of it",
        "no prompt begins like another: what the prefix cache saves is left as margin",
        "a balancer sends requests to replicas at random: what one that looks at queues saves is left as margin",
        f"{prices.cloud} {prices.region} list prices on demand, as of {prices.node.as_of}: to be checked",
        *([f"the calibration: {calibration.note}"] if calibration.note else []),
    ]
