"""A discrete-event simulation of requests on their paths, on the measured machine or on a fleet, repeatable by seed.

It assumes less than the closed form: queues are correlated as they come, processes share cores, pods are lost. Nor does
it share the closed form's shape of the work within a kind: it draws lognormal work, whose tail is the heavier one.
"""

from __future__ import annotations

from math import exp, log1p, sqrt
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import simpy

from planner.arrivals import Surge, arrival_times, draw_paths
from planner.distribution import sample
from planner.machine import Cores, Machine, Process
from planner.pods import Pod, Server, Station, ZoneLoss, after
from planner.sizing import SHARDED

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from planner.request_path import RequestPath, Visit

__all__ = ["Answers", "FleetShape", "Scenario", "simulate_fleet", "simulate_machine"]

Floats = npt.NDArray[np.float64]

_RETRIES: Final = 2


class Scenario(NamedTuple):
    """The load and the faults of a simulated run. Times count from its start; ``warmup_s`` are left out."""

    rate_rps: float
    duration_s: float
    warmup_s: float = 0.5
    seed: int = 1
    surge: Surge | None = None
    lost: ZoneLoss | None = None
    network_s: float = 0.0


class FleetShape(NamedTuple):
    """Pods of each station, dealt out to the zones in turn, how many a balancer compares, and the cores of a pod."""

    pods: Mapping[str, int]
    zones: int = 1
    choices: int = 2
    cores: int = 1


class Answers(NamedTuple):
    """Every request after the warm-up, in the order in which they came."""

    at_s: Floats
    latency_s: Floats
    path: npt.NDArray[np.int64]
    failed: npt.NDArray[np.bool_]
    degraded: npt.NDArray[np.bool_]
    busy: dict[str, float]

    def percentiles_ms(self, shares: Sequence[float], between: tuple[float, float] | None = None) -> list[float]:
        """Percentiles of the time to answer, of all or of those that came within these seconds."""
        chosen = self.latency_s
        if between:
            chosen = chosen[(self.at_s >= between[0]) & (self.at_s < between[1])]
        return [float(value) * 1e3 for value in np.quantile(chosen, shares)] if len(chosen) else [0.0] * len(shares)

    def crowded(self, at_once: int) -> float:
        """The share of the requests that came while so many others were under way."""
        begun = np.arange(len(self.at_s))
        ended = np.searchsorted(np.sort(self.at_s + self.latency_s), self.at_s, side="right")
        return float(np.mean(begun - ended >= at_once)) if len(self.at_s) else 0.0

    @property
    def rate_rps(self) -> float:
        """The rate of the arrivals, in requests per second."""
        span = float(self.at_s[-1] - self.at_s[0]) if len(self.at_s) > 1 else 0.0
        return len(self.at_s) / span if span else 0.0


def simulate_machine(found: Sequence[RequestPath], machine: Machine, scenario: Scenario) -> Answers:
    """Simulates the paths on one machine whose processes share its cores, the load generator among them."""
    env = simpy.Environment()
    shared = Cores(env, machine.cores, machine.others)
    random = Random(scenario.seed)  # noqa: S311 - a simulation, not a secret
    names = {visit.station for each in found for visit in (*each.visits, *each.after)}
    stations = {
        name: Station(
            env, [_Slot(Process(env, shared)) for _ in range(machine.gateways if name == "gateway" else 1)], random
        )
        for name in names
    }
    return _Run(env, stations, found, scenario).answers()


def simulate_fleet(found: Sequence[RequestPath], shape: FleetShape, scenario: Scenario) -> Answers:
    """Simulates the paths on a fleet, where each station has pods of its own."""
    env = simpy.Environment()
    random = Random(scenario.seed)  # noqa: S311 - a simulation, not a secret
    stations = {}
    for name in sorted({visit.station for each in found for visit in (*each.visits, *each.after)}):
        pods = [Pod(env, number % shape.zones, shape.cores) for number in range(shape.pods[name])]
        stations[name] = Station(env, pods, random, choices=shape.choices, sharded=name in SHARDED)
        if scenario.lost:
            stations[name].lose(scenario.lost)
    return _Run(env, stations, found, scenario).answers()


class _Slot:
    """A process of the shared machine, as a server of a station."""

    def __init__(self, process: Process) -> None:
        self.zone = 0
        self.dies_at = float("inf")
        self.busy_s = 0.0
        self._process = process
        self._waiting = 0

    def serve(self, seconds: float, then_s: float = 0.0) -> simpy.Event:
        self._waiting += 1
        self.busy_s += seconds
        done = self._process.serve(seconds)
        done.callbacks.append(self._leave)
        return after(done, then_s)

    def backlog_s(self) -> float:
        return float(self._waiting)

    def _leave(self, _: simpy.Event) -> None:
        self._waiting -= 1


class _Run:
    def __init__(
        self, env: simpy.Environment, stations: dict[str, Station], found: Sequence[RequestPath], scenario: Scenario
    ) -> None:
        self._env, self._stations, self._paths, self._scenario = env, stations, list(found), scenario
        random = np.random.default_rng(scenario.seed)
        self._times = arrival_times(scenario.rate_rps, scenario.duration_s, random, scenario.surge)
        self._chosen = draw_paths(found, len(self._times), random)
        self._delays = np.zeros(len(self._times))
        for index, each in enumerate(self._paths):
            mine = self._chosen == index
            self._delays[mine] = sample(each.delay_s, int(mine.sum()), random)
        # a stream of its own: the balancers' would tie a request's work to the pod that it goes to
        self._random = Random(f"work {scenario.seed}")  # noqa: S311 - a simulation, not a secret
        self._attempt_s = scenario.lost.attempt_s if scenario.lost else 0.0
        self._latency = np.zeros(len(self._times))
        self._failed = np.zeros(len(self._times), dtype=bool)
        self._degraded = np.zeros(len(self._times), dtype=bool)

    def answers(self) -> Answers:
        self._env.process(self._arrive())
        self._env.run()
        busy = {
            name: sum(getattr(pod, "busy_s", 0.0) for pod in station.pods) / self._scenario.duration_s
            for name, station in self._stations.items()
        }
        counted = self._times >= self._scenario.warmup_s
        return Answers(
            at_s=self._times[counted],
            latency_s=self._latency[counted],
            path=self._chosen[counted],
            failed=self._failed[counted],
            degraded=self._degraded[counted],
            busy=busy,
        )

    def _arrive(self) -> Generator[simpy.Event, Any, None]:
        for index, time in enumerate(self._times.tolist()):
            yield self._env.timeout(max(time - self._env.now, 0.0))
            self._env.process(self._walk(index))

    def _walk(self, index: int) -> Generator[simpy.Event, Any, None]:
        began = self._env.now
        each = self._paths[self._chosen[index]]
        pods: dict[str, Server] = {}
        if network_s := self._scenario.network_s:
            yield self._env.timeout(network_s)
        last = len(each.visits) - 1
        for number, visit in enumerate(each.visits):
            # the way to the next station is part of the same event: half the events, half the time
            if not (yield from self._visit(index, visit, pods, network_s if number < last else 0.0)):
                self._failed[index] = True
                break
        delay = float(self._delays[index])
        if delay > 0:
            yield self._env.timeout(delay)
        self._latency[index] = self._env.now - began
        for visit in each.after:
            yield from self._visit(index, visit, pods)

    def _visit(
        self, index: int, visit: Visit, pods: dict[str, Server], then_s: float = 0.0
    ) -> Generator[simpy.Event, Any, bool]:
        """Work at a pod, and what follows it; whether there was an answer."""
        name, env = visit.station, self._env
        station = self._stations[name]
        for _ in range(_RETRIES + 1):
            pod, began = pods.get(name) or station.choose(), env.now
            pods[name] = pod
            if pod.dies_at > began:
                yield pod.serve(_drawn(visit, self._random), then_s)
                if pod.dies_at > env.now - then_s:
                    return True
            del pods[name]
            yield station.hang(pod, visit.cpu_s, max(self._attempt_s - (env.now - began), 0.0))
            if station.sharded:  # a look-up that fails is not made again: the answer goes without it
                self._degraded[index] |= name == "features"
                yield env.timeout(then_s)
                return True
        return False


def _drawn(visit: Visit, random: Random) -> float:
    """Lognormal seconds with the visit's mean and variation."""
    if not visit.scv:
        return visit.cpu_s
    spread = log1p(visit.scv)
    return visit.cpu_s * exp(random.gauss(-spread / 2, sqrt(spread)))
