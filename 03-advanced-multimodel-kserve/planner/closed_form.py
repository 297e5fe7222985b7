"""Latency in closed form: what a request takes alone, plus an independent wait at each station it visits.

The wait is that of M/G/1 for the pods' actual mix of service times, within kinds as well as between them
(`Grid.wait`). Of the work of one kind only mean and variance are known, and where it varies more than exponentially its
shape counts, too. Against simulations of lognormal, gamma and hyperexponential work, 30 to 70 % busy, p99 is at most
12 % off up to a squared coefficient of variation of 1; at 4 it is from 22 % too low (lognormal) to 15 % too high
(gamma), at 10 from 30 % too low to 18 % too high (`planner.characteristics`). A plan for such work says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.distribution import Grid, ServiceTime
from planner.request_path import services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.machine import Machine
    from planner.request_path import RequestPath, Visit

__all__ = ["Percentiles", "on_a_fleet", "on_a_shared_machine"]


class Percentiles(NamedTuple):
    """Percentiles of the time to answer, in milliseconds."""

    p50_ms: float
    p99_ms: float


def on_a_fleet(found: Sequence[RequestPath], busy: Mapping[str, float], network_s: float = 0.0) -> Percentiles:
    """Percentiles over the mix when every station's pods are as busy as said.

    Each pod is a queue of its own and gets its share of the arrivals at random: what a balancer that looks at queues
    saves is left as margin. Waits at the visits of a path are taken as independent (Kleinrock's assumption).

    Args:
        found: the paths, with their weights.
        busy: the share of time that each pod of a station works, of every station.
        network_s: added at each visit.

    Raises:
        InvalidValueError: a station cannot keep up.
    """
    waits = {}
    for station, kinds in services(found).items():
        waits[station] = _service(tuple(kinds)).wait(1, busy[station])
    parts = []
    for each in found:
        total = _alone(each, network_s)
        for visit in each.visits:
            total = total.plus(waits[visit.station])
        parts.append((each.weight, total))
    return _percentiles(parts)


def on_a_shared_machine(found: Sequence[RequestPath], rate_rps: float, machine: Machine) -> Percentiles:
    """Percentiles over the mix when all processes, generator included, share these cores as one station.

    A request is then one piece of work, which no real process splits among cores: good for the utilisation and the
    median, too hopeful where one process is the bottleneck. Threads of other programs make all work longer.

    Raises:
        InvalidValueError: the cores cannot keep up.
    """
    longer = max(1.0, (1 + machine.others) / machine.cores)
    kinds = [_as_one(each, (*each.visits, *each.after), longer) for each in found]
    load = rate_rps * sum(kind.weight * kind.mean_s for kind in kinds)
    waiting = _service(tuple(kinds)).wait(machine.cores, load)
    return _percentiles([(each.weight, _alone(each, 0.0, longer).plus(waiting)) for each in found])


@lru_cache(maxsize=256)
def _service(kinds: tuple[ServiceTime, ...]) -> Grid:
    return Grid.of_service(kinds)


@lru_cache(maxsize=64)
def _alone(each: RequestPath, network_s: float, longer: float = 1.0) -> Grid:
    delay = Grid.of_quantiles(np.asarray(each.delay_s) + network_s * len(each.visits))
    return delay.plus(Grid.of_service([_as_one(each, each.visits, longer)]))


def _as_one(each: RequestPath, visits: Sequence[Visit], longer: float) -> ServiceTime:
    """The service time of independent pieces of work taken together."""
    mean_s = sum(visit.cpu_s for visit in visits)
    variance = sum(visit.cpu_s**2 * visit.scv for visit in visits)
    return ServiceTime(each.weight, mean_s * longer, variance / mean_s**2 if mean_s else 0.0)


def _percentiles(parts: list[tuple[float, Grid]]) -> Percentiles:
    p50, p99 = Grid.mixture(parts).quantiles([0.5, 0.99])
    return Percentiles(p50 * 1e3, p99 * 1e3)
