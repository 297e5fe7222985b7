"""The measurement: each kind of request alone, from a cold and from a warm cache, in turn with the held-out traffic.

Rounds alternate so that a machine that drifts drifts for the calibration and for what it is compared with alike.
"""

from __future__ import annotations

import time
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from servekit.errors import NotReadyError
from shop.capacity.calibration import Noise, Profile, StoreSize
from shop.capacity.distribution import quantiles_of
from shop.capacity.measuring.cache_counters import hit_ratios
from shop.capacity.measuring.open_loop import Sent, send
from shop.capacity.measuring.stalls import StallProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from servekit.sla import Request, Scenario
    from shop.capacity.measuring.bench import Bench
    from shop.capacity.measuring.processes import Usage

__all__ = ["Held", "Schedule", "Survey", "survey"]

_IDLE_S: Final = 2.0
_LOOK_S: Final = 0.7
_TRIES: Final = 50
_CACHED: Final = 0.5
_FAILED: Final = 0.01
_WIRE_HEAD: Final = 66  # Ethernet, IPv4 and TCP with timestamps: what the loopback interface counts besides

Result = Literal["hit", "miss"]


class Schedule(NamedTuple):
    """How long everything takes; the default is a minute and a quarter."""

    rounds: int = 3
    alone_rps: float = 150.0
    alone: int = 400
    held_out_rps: float = 240.0
    held_out_s: float = 8.0
    warm_up: int = 300


class Held(NamedTuple):
    """The held-out traffic of all rounds: what came back, CPU in cores by process, and what the cache answered."""

    sent: list[Sent]
    kinds: list[list[str]]
    usage: dict[str, float]
    seconds: float
    hit_ratio: dict[str, float]

    @property
    def latency_s(self) -> np.typing.NDArray[np.float64]:
        """Of every request."""
        return np.concatenate([each.latency_s for each in self.sent])


class Survey(NamedTuple):
    """Everything measured; ``profiles`` have no delay yet."""

    profiles: list[Profile]
    held: Held
    idle_cpu: dict[str, float]
    features: StoreSize
    cache: StoreSize
    noise: Noise


class _Phase(NamedTuple):
    sent: Sent
    used: Usage
    hit: float


def survey(
    bench: Bench, scenario: Scenario, mix: Mapping[str, float], schedule: Schedule, tell: Callable[[str], None]
) -> Survey:
    """Measure. ``tell`` is given a line now and then.

    Raises:
        NotReadyError: the stack does not answer, or answers with errors.
    """
    probe = StallProbe()
    random = Random(1)  # noqa: S311 - a load pattern, not a secret
    tell("idle")
    idle = _idle_cpu(bench)
    edge_bytes = {kind: bench.edge_bytes(scenario.request(kind, random)) for kind in mix}
    traffic = _traffic(scenario, mix, random)
    _checked(send(bench.url, [request for _, request in islice(traffic, schedule.warm_up)], schedule.alone_rps, 0))
    phases: dict[tuple[str, Result], list[_Phase]] = {}
    held = Held([], [], {}, 0.0, {})
    ratios: list[dict[str, float]] = []
    for turn in range(schedule.rounds):
        probe.look(_LOOK_S)
        tell(f"round {turn + 1} of {schedule.rounds}: each kind alone")
        for kind in mix if turn % 2 == 0 else reversed(list(mix)):
            for result, phase in _alone(bench, scenario, kind, schedule, random, turn).items():
                phases.setdefault((kind, result), []).append(phase)
        tell(f"round {turn + 1} of {schedule.rounds}: the mix, held out")
        held, ratio = _hold_out(bench, traffic, schedule, held, turn)
        ratios.append(ratio)
    probe.look(_LOOK_S)
    features, cache = bench.stores()
    profiles = [
        _profile(kind, result, each, idle, edge_bytes[kind], schedule.alone_rps)
        for (kind, result), each in sorted(phases.items())
    ]
    mean = {kind: round(sum(each[kind] for each in ratios) / len(ratios), 4) for kind in ratios[0]}
    return Survey(profiles, held._replace(hit_ratio=mean), idle, features, cache, probe.noise())


def _idle_cpu(bench: Bench) -> dict[str, float]:
    before = bench.processes.usage()
    time.sleep(_IDLE_S)
    used = bench.processes.usage().since(before)
    return {name: round(seconds / used.at_s, 5) for name, seconds in used.cpu_s.items() if name != "generator"}


def _traffic(scenario: Scenario, mix: Mapping[str, float], random: Random) -> Iterator[tuple[str, Request]]:
    kinds, weights = list(mix), list(mix.values())
    while True:
        kind = random.choices(kinds, weights)[0]
        yield kind, scenario.request(kind, random)


def _alone(  # noqa: PLR0913, PLR0917 - one phase is all of these
    bench: Bench, scenario: Scenario, kind: str, schedule: Schedule, random: Random, turn: int
) -> dict[Result, _Phase]:
    """The same distinct requests twice: from an empty cache, and again where that made a difference."""
    requests = _distinct(scenario, kind, schedule.alone, random)
    bench.empty_cache()
    found: dict[Result, _Phase] = {"miss": _phase(bench, kind, requests, schedule.alone_rps, turn)}
    again = _phase(bench, kind, requests, schedule.alone_rps, turn + 100)
    if again.hit > _CACHED:
        found["hit"] = again
    return found


def _distinct(scenario: Scenario, kind: str, count: int, random: Random) -> list[Request]:
    found: dict[tuple[str, bytes], Request] = {}
    for _ in range(count * _TRIES):
        request = scenario.request(kind, random)
        found.setdefault((request.path, request.body), request)
        if len(found) == count:
            break
    return list(found.values())


def _phase(bench: Bench, kind: str, requests: list[Request], rate_rps: float, seed: int) -> _Phase:
    counted, before = bench.counts(), bench.processes.usage()
    sent = _checked(send(bench.url, requests, rate_rps, seed))
    used = bench.processes.usage().since(before)
    return _Phase(sent, used, hit_ratios(counted, bench.counts()).get(kind, 0.0))


def _hold_out(
    bench: Bench, traffic: Iterator[tuple[str, Request]], schedule: Schedule, held: Held, turn: int
) -> tuple[Held, dict[str, float]]:
    drawn = list(islice(traffic, round(schedule.held_out_rps * schedule.held_out_s)))
    counted, before = bench.counts(), bench.processes.usage()
    sent = _checked(send(bench.url, [request for _, request in drawn], schedule.held_out_rps, 1000 + turn))
    used = bench.processes.usage().since(before)
    cpu = {name: held.usage.get(name, 0.0) + seconds for name, seconds in used.cpu_s.items()}
    kinds = [*held.kinds, [kind for kind, _ in drawn]]
    more = Held([*held.sent, sent], kinds, cpu, held.seconds + used.at_s, {})
    return more, hit_ratios(counted, bench.counts())


def _checked(sent: Sent) -> Sent:
    failed = float(np.mean(sent.outcome != 0))
    if failed > _FAILED:
        worst = int(sent.outcome[sent.outcome != 0][0])
        raise NotReadyError("level 3", None, f"{failed:.0%} of the requests failed, the first with {worst}")
    return sent


def _profile(  # noqa: PLR0913, PLR0917 - one profile is all of these
    kind: str, result: Result, phases: list[_Phase], idle: dict[str, float], edge_bytes: int, rate_rps: float
) -> Profile:
    requests = sum(len(phase.sent.number) for phase in phases)
    seconds = sum(phase.used.at_s for phase in phases)
    cpu = {
        name: round(
            max(sum(phase.used.cpu_s[name] for phase in phases) - idle.get(name, 0.0) * seconds, 0.0) / requests * 1e6,
            1,
        )
        for name in phases[0].used.cpu_s
    }
    latency_ms = quantiles_of(np.concatenate([phase.sent.latency_s for phase in phases])) * 1e3
    answer = float(np.mean(np.concatenate([phase.sent.size for phase in phases])))
    return Profile(
        kind=kind,
        result=result,
        requests=requests,
        rate_rps=round(sum(phase.sent.rate_rps for phase in phases) / len(phases), 2) or rate_rps,
        cpu_us=cpu,
        latency_ms=[round(float(value), 4) for value in latency_ms],
        delay_ms=[0.0, 0.0],
        edge_bytes=round(edge_bytes + answer + 2 * _WIRE_HEAD, 1),
        answer_bytes=round(answer, 1),
        wire_bytes=round(sum(phase.used.loopback_bytes for phase in phases) / requests, 1),
    )
