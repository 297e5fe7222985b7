"""Latency in closed form: what a request takes alone, plus an independent wait at each station it visits."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shop.capacity.distribution import Grid
from shop.capacity.queueing import wait
from shop.capacity.walk import mean_and_scv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.capacity.machine import Machine
    from shop.capacity.walk import Walk

__all__ = ["Load", "Percentiles", "on_a_fleet", "on_a_shared_machine"]


class Load(NamedTuple):
    """How busy each pod of a station is: so many workers that share a queue, and the share of time they work."""

    workers: int
    utilisation: float


class Percentiles(NamedTuple):
    """Of the time to answer, in milliseconds."""

    p50_ms: float
    p99_ms: float


def on_a_fleet(found: Sequence[Walk], loads: Mapping[str, Load], network_s: float = 0.0) -> Percentiles:
    """Percentiles over the mix when every station's pods are as busy as said.

    Each pod is a queue of its own and gets its share of the arrivals at random: what a balancer that looks at queues
    saves is left as margin. Waits at the visits of a walk are taken as independent (Kleinrock's assumption).

    Args:
        found: the walks, with their weights.
        loads: of every station.
        network_s: added at each visit.

    Raises:
        InvalidValueError: a station cannot keep up.
    """
    waits = {}
    for station, (_, mean_s, scv) in mean_and_scv(found).items():
        workers, utilisation = loads[station]
        waits[station] = Grid.of_wait(wait(workers, utilisation * workers, mean_s, scv))
    parts = []
    for each in found:
        total = _alone(each, network_s)
        for visit in each.visits:
            total = total.plus(waits[visit.station])
        parts.append((each.weight, total))
    return _percentiles(parts)


def on_a_shared_machine(found: Sequence[Walk], rate_rps: float, machine: Machine) -> Percentiles:
    """Percentiles over the mix when all processes, generator included, share these cores as one station.

    A request is then one piece of work, which no real process splits among cores: good for the utilisation and the
    median, too hopeful where one process is the bottleneck. Threads of other programs make all work longer.

    Raises:
        InvalidValueError: the cores cannot keep up.
    """
    longer = max(1.0, (1 + machine.others) / machine.cores)
    seconds = np.array([each.cpu_s for each in found]) * longer
    weights = np.array([each.weight for each in found])
    mean = float(weights @ seconds)
    scv = float(weights @ seconds**2) / mean**2 - 1
    waiting = Grid.of_wait(wait(machine.cores, rate_rps * mean, mean, scv))
    return _percentiles([(each.weight, _alone(each, 0.0, longer).plus(waiting)) for each in found])


@lru_cache(maxsize=64)
def _alone(each: Walk, network_s: float, longer: float = 1.0) -> Grid:
    fixed_s = sum(visit.cpu_s * longer + network_s for visit in each.visits)
    return Grid.of_quantiles(np.asarray(each.delay_s) + fixed_s)


def _percentiles(parts: list[tuple[float, Grid]]) -> Percentiles:
    p50, p99 = Grid.mixture(parts).quantiles([0.5, 0.99])
    return Percentiles(p50 * 1e3, p99 * 1e3)
