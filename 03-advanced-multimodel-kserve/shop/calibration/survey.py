"""The measurement: each kind of request alone, from a cold and from a warm cache, in turn with the held-out traffic.

Rounds alternate so that a machine that drifts drifts for the calibration and for what it is compared with alike. A
round in which other programs were busy is made again, a few times; the quietest rounds count.
"""

from __future__ import annotations

import math
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import psutil

from shop.calibration.cache_counters import hit_ratios
from shop.calibration.phase import MeasuredPhase, measure
from shop.calibration.sent import send
from shop.calibration.stalls import StallProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from planner.calibration import Noise, StoreSize
    from shop.calibration.bench import Bench
    from workbench.sla import Request, Scenario

__all__ = ["HeldOutTraffic", "Key", "Round", "Schedule", "Survey", "survey"]

_IDLE_S: Final = 2.0
_LOOK_S: Final = 0.7
_TRIES: Final = 50
_CACHED: Final = 0.5
_QUIET: Final = 0.1
_RESULTS: Final = ("miss", "hit")

Key = tuple[str, str]
"""A kind of request, and ``hit`` or ``miss``."""


class Schedule(NamedTuple):
    """How long everything takes; the default is about two minutes on a quiet machine.

    The kinds are sent alone at a low rate, and at one that keeps the machine busy: a process that sleeps after each
    request spends up to twice the CPU on it. ``busy`` is how busy it would be if that were not so.
    """

    rounds: int = 3
    alone_rps: float = 150.0
    alone: int = 400
    busy: float = 0.85
    busy_s: float = 1.2
    held_out_rps: float = 240.0
    held_out_s: float = 8.0
    warm_up: int = 300
    repeats: int = 3


class HeldOutTraffic(NamedTuple):
    """The held-out traffic of one round, the kind of each request, and what the cache answered of each kind."""

    phase: MeasuredPhase
    kinds: list[str]
    hit_ratio: dict[str, float]


class Round(NamedTuple):
    """Each kind alone, at a low rate and at a high one, then the mix."""

    alone: dict[Key, MeasuredPhase]
    busy: dict[Key, MeasuredPhase]
    held: HeldOutTraffic

    @property
    def others(self) -> float:
        """The share of the machine that other programs used, the largest over the parts."""
        return max(phase.others for phase in self.phases)

    @property
    def phases(self) -> list[MeasuredPhase]:
        """All measured phases of the round."""
        return [*self.alone.values(), *self.busy.values(), self.held.phase]


class Survey(NamedTuple):
    """All that was measured in the rounds that count."""

    rounds: list[Round]
    idle_cpu: dict[str, float]
    edge_bytes: dict[str, int]
    features: StoreSize
    cache: StoreSize
    noise: Noise


def survey(
    bench: Bench, scenario: Scenario, mix: Mapping[str, float], schedule: Schedule, tell: Callable[[str], None]
) -> Survey:
    """Measures everything; ``tell`` is given a line of progress now and then.

    Raises:
        NotReadyError: the stack does not answer, or answers with errors.
    """
    surveyor = _Surveyor(bench, scenario, mix, schedule)
    probe = StallProbe()
    tell("idle, then a warm-up")
    idle = surveyor.idle()
    edge_bytes = {kind: bench.edge_bytes(scenario.request(kind, surveyor.random)) for kind in mix}
    surveyor.warm_up()
    rounds: list[Round] = []
    quiet = 0
    while quiet < schedule.rounds and len(rounds) < schedule.rounds + schedule.repeats:
        probe.look(_LOOK_S)
        rounds.append(surveyor.round(len(rounds)))
        quiet += rounds[-1].others <= _QUIET
        noisy = "" if rounds[-1].others <= _QUIET else f": other programs used {rounds[-1].others:.0%} of the machine"
        tell(f"round {len(rounds)}{noisy}")
    quietest = sorted(rounds, key=lambda each: each.others)[: schedule.rounds]
    phases = [phase for each in quietest for phase in each.phases]
    others = sum(phase.others for phase in phases) / len(phases)
    noise = msgspec.structs.replace(probe.noise(), others=round(others, 4))
    return Survey(quietest, idle, edge_bytes, *bench.stores(), noise)


class _Surveyor:
    def __init__(self, bench: Bench, scenario: Scenario, mix: Mapping[str, float], schedule: Schedule) -> None:
        self._bench, self._scenario, self._mix, self._schedule = bench, scenario, mix, schedule
        self.random = Random(1)  # noqa: S311 - a load pattern, not a secret
        self._traffic = self._endless()

    def idle(self) -> dict[str, float]:
        """Cores that each process uses while nobody asks."""
        used = self._bench.processes.rest(_IDLE_S)
        return {name: round(seconds / used.at_s, 5) for name, seconds in used.cpu_s.items()}

    def warm_up(self) -> None:
        """Sends traffic that is not measured, so that caches and pools are warm."""
        requests = [request for _, request in islice(self._traffic, self._schedule.warm_up)]
        send(self._bench.url, requests, self._schedule.alone_rps, 0)

    def round(self, turn: int) -> Round:
        """Every other round takes the kinds backwards."""
        alone: dict[Key, MeasuredPhase] = {}
        busy: dict[Key, MeasuredPhase] = {}
        for kind in self._mix if turn % 2 == 0 else reversed(list(self._mix)):
            found = self._alone(kind, 2 * turn, dict.fromkeys(_RESULTS, self._schedule.alone_rps))
            rates = {result: self._busy_rps(phase) for (_, result), phase in found.items()}
            loud = self._alone(kind, 2 * turn + 1, rates)
            busy |= loud
            alone |= {key: found[key] for key in loud}  # a cache that fails under load has no hits to speak of
        return Round(alone, busy, self._hold_out(turn))

    def _alone(self, kind: str, seed: int, rates: Mapping[str, float]) -> dict[Key, MeasuredPhase]:
        """The same distinct requests twice: from an empty cache, and again, which counts where it made a difference."""
        schedule = self._schedule
        requests = self._distinct(kind, max(schedule.alone, round(rates["miss"] * schedule.busy_s)))
        self._bench.empty_cache()
        found = {(kind, "miss"): measure(self._bench, requests, rates["miss"], seed)}
        if "hit" in rates:
            before = self._bench.counts()
            again = requests * math.ceil(rates["hit"] * schedule.busy_s / len(requests))
            warm = measure(self._bench, again, rates["hit"], seed)
            if hit_ratios(before, self._bench.counts()).get(kind, 0.0) > _CACHED:
                found[kind, "hit"] = warm
        return found

    def _busy_rps(self, quiet: MeasuredPhase) -> float:
        """The rate at which the machine would be that busy, if a request cost what it does at a low one."""
        seconds = sum(quiet.used.cpu_s.values()) / quiet.sent.requests
        return self._schedule.busy * (psutil.cpu_count() or 1) / seconds

    def _distinct(self, kind: str, count: int) -> list[Request]:
        found: dict[tuple[str, bytes], Request] = {}
        for _ in range(count * _TRIES):
            request = self._scenario.request(kind, self.random)
            found.setdefault((request.path, request.body), request)
            if len(found) == count:
                break
        return list(found.values())

    def _hold_out(self, turn: int) -> HeldOutTraffic:
        drawn = list(islice(self._traffic, round(self._schedule.held_out_rps * self._schedule.held_out_s)))
        before = self._bench.counts()
        phase = measure(self._bench, [request for _, request in drawn], self._schedule.held_out_rps, 1000 + turn)
        return HeldOutTraffic(phase, [kind for kind, _ in drawn], hit_ratios(before, self._bench.counts()))

    def _endless(self) -> Iterator[tuple[str, Request]]:
        kinds, weights = list(self._mix), list(self._mix.values())
        while True:
            kind = self.random.choices(kinds, weights)[0]
            yield kind, self._scenario.request(kind, self.random)
