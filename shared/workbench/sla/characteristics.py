"""The error rates of the SLA's verdict and the capacity search: the real judge on servers whose truth is known.

Slow requests are drawn each for itself, or come in spells: pauses at random times, in which all that arrive are slow.
A run that has one spell or none of them cannot know how many more there are; the table says how often that misleads.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from math import log
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from workbench.sla.capacity import Probe, Search, point_verdict
from workbench.sla.limits import verdict_of, weigh
from workbench.sla.recorder import Checked
from workbench.sla.samples import RECORD
from workbench.sla.settings import Capacity, Server, Sla, Thresholds
from workbench.verdicts import SEED, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from workbench.sla.samples import Samples

__all__ = ["World", "characteristics", "found_capacities", "verdicts"]

_LIMIT_S, _SLOW_S, _QUICK_S = 0.05, 0.08, 0.01
_SLA: Final = Sla(
    level=1, rate_rps=100, duration_s=10, scenario="none", server=Server(start="none"), mix={"any": 1},
    thresholds=Thresholds(p99_ms=1e3 * _LIMIT_S, error_rate=0.001),
)  # fmt: skip
_RIGHT: Final = Checked(checked=100)
_WARMUP_S, _PROBE_S = 1.0, 5.0
_NEAR: Final = 0.1


class World(NamedTuple):
    """A server's truth, and the run that measures it.

    Args:
        slow: share of the requests that take longer than the p99 promised; 1 % may.
        failed: share of the requests that fail; 0.1 % may.
        spell_s: how long a spell of slow requests lasts; 0 draws each for itself.
        seconds: how long the run is.
        rate_rps: requests a second.
    """

    slow: float = 0.0
    failed: float = 0.0
    spell_s: float = 0.0
    seconds: float = 10.0
    rate_rps: float = 100.0

    def __str__(self) -> str:
        what = f"{100 * self.failed:g} % fail, 0.1 % may" if self.failed else f"{100 * self.slow:g} % are slow, 1 % may"
        spells = f", in spells of {self.spell_s:g} s" if self.spell_s else ""
        return f"{what}{spells}; {self.seconds:g} s at {self.rate_rps:g}/s"


class Expected(NamedTuple):
    """A verdict, and how often the design expects it, at least and at most."""

    says: str
    at_least: float = 0.0
    at_most: float = 1.0


_WORLDS: Final[tuple[tuple[World, int, tuple[Expected, ...]], ...]] = (
    (World(0.002), 400, (Expected("met", at_least=0.85),)),
    (World(0.008), 400, (Expected("met"), Expected("too_close"), Expected("broken", at_most=0.05))),
    (
        World(0.01),
        400,
        (Expected("met", at_most=0.05), Expected("too_close"), Expected("broken", at_most=0.05)),
    ),
    (World(0.012), 400, (Expected("met", at_most=0.05), Expected("too_close"), Expected("broken"))),
    (World(0.02), 400, (Expected("met", at_most=0.01), Expected("broken", at_least=0.7))),
    (World(0.01, spell_s=0.03), 400, (Expected("met"), Expected("broken", at_most=0.1))),
    (World(0.01, spell_s=0.1), 400, (Expected("met"), Expected("broken", at_most=0.1))),
    (World(0.002, spell_s=0.1, seconds=60), 200, (Expected("met", at_least=0.5),)),
    (World(0.01, spell_s=0.1, seconds=60), 200, (Expected("met", at_most=0.1), Expected("broken", at_most=0.1))),
    (
        World(0.02, spell_s=0.1, seconds=60),
        200,
        (Expected("met", at_most=0.02), Expected("broken", at_least=0.4)),
    ),
    (World(failed=0.0001, seconds=15, rate_rps=50), 300, (Expected("met", at_least=0.85),)),
    (World(failed=0.004, seconds=15, rate_rps=50), 300, (Expected("met", at_most=0.1), Expected("broken"))),
    (
        World(failed=0.01, seconds=15, rate_rps=50),
        300,
        (Expected("met", at_most=0.01), Expected("broken", at_least=0.9)),
    ),
)


def characteristics(seed: int = SEED) -> Iterator[Row]:
    """The rows of ``make verdicts``: how often each verdict is given, and how often a search finds the capacity."""
    random = np.random.default_rng(seed)
    for world, runs, wanted in _WORLDS:
        counts = verdicts(world, runs, random)
        for says, least, most in wanted:
            yield Row("SLA", str(world), says.replace("_", " "), counts[says], runs, least, most)
    found = found_capacities(40, random)
    near = sum(bool(abs(each - 1) <= _NEAR) for each in found)
    yield Row("capacity", "a queue whose capacity is known", "found within 10 %", near, len(found), at_least=0.75)


def verdicts(world: World, runs: int, random: np.random.Generator) -> Counter[str]:
    """The counts of runs in this world that are judged met, broken or too_close."""
    window = (_WARMUP_S, world.seconds)
    return Counter(verdict_of(weigh(_SLA, window, _samples(world, random), 1.0, _RIGHT)) for _ in range(runs))


def found_capacities(searches: int, random: np.random.Generator) -> list[float]:
    """The capacities that searches find, as shares of the truth: one server, random arrivals, exponential service.

    A request stays in such a queue longer than t with probability exp(-(μ-λ)t) (Kleinrock, "Queueing Systems", volume
    1, 1975), so 1 % stay longer than 50 ms at λ = μ - ln(100) / 0.05.
    """
    found = []
    for served_rps in random.uniform(250, 500, searches):
        search = Search(Capacity(), partial(_probe, float(served_rps), random))
        search.run(50)
        found.append(search.low / (served_rps - log(100) / _LIMIT_S))
    return found


def _samples(world: World, random: np.random.Generator) -> Samples:
    at_s = _arrivals(world.rate_rps, world.seconds, random)
    slow = random.random(len(at_s)) < world.slow if not world.spell_s else _in_spells(world, at_s, random)
    samples = np.zeros(len(at_s), RECORD)
    samples["intended_s"] = _WARMUP_S + at_s
    samples["latency_s"] = np.where(slow, _SLOW_S, _QUICK_S)
    samples["outcome"] = np.where(random.random(len(at_s)) < world.failed, 503, 0)
    return samples


def _arrivals(rate_rps: float, seconds: float, random: np.random.Generator) -> npt.NDArray[np.float64]:
    at_s: npt.NDArray[np.float64] = np.sort(random.uniform(0, seconds, random.poisson(rate_rps * seconds)))
    return at_s


def _in_spells(world: World, at_s: npt.NDArray[np.float64], random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which requests arrive in a spell; spells begin at random, and may overlap, so often that the share is true."""
    around_s = world.seconds + world.spell_s
    often = -log(1 - world.slow) / world.spell_s  # so many a second: e^-(often·length) is the share of time without
    begun = np.sort(random.uniform(-world.spell_s, world.seconds, random.poisson(often * around_s)))
    before = np.searchsorted(begun, at_s, side="right")
    last = np.concatenate(([-np.inf], begun))[before]
    return np.asarray(at_s < last + world.spell_s)


def _probe(served_rps: float, random: np.random.Generator, rate_rps: float) -> Probe:
    """A probe of the queue: departures by Lindley's recursion, written as a running maximum."""
    at_s = _arrivals(rate_rps, _WARMUP_S + _PROBE_S, random)
    work_s = random.exponential(1 / served_rps, len(at_s))
    done_s = np.cumsum(work_s)
    samples = np.zeros(len(at_s), RECORD)
    samples["intended_s"] = at_s
    samples["latency_s"] = done_s + np.maximum.accumulate(at_s - (done_s - work_s)) - at_s
    judged = samples[at_s >= _WARMUP_S]
    limits = weigh(_SLA, (_WARMUP_S, _PROBE_S), judged, 1.0, _RIGHT)
    return Probe(rate_rps=rate_rps, verdict=point_verdict(limits))
