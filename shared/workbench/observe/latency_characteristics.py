"""How far the alert on a slow canary can be believed: its rule on simulated traffic, looked at every 15 s for a day.

Where about 1 % of all answers are slow, a p99 lies now among them, now beside them. Two alike versions whose p99s are
compared are then apart by chance: of two that answer in 5 ms, but 1 in 100 times in 200, with 1.1 and 10 requests/s,
one was paged for on 83 of 100 days. So the rule holds the canary's p98 against the stable p99: it takes twice as many
slow answers, in an hour and still in the last 5 minutes. Of such versions none was paged for in 60 days (95 %: on at
most 6 of 100); one that is three times as slow, with 1.1 of 11 requests/s, is found within half an hour.

A canary that is exactly 1.5 to 2 times as slow is found late or never: the bounds of the buckets are 2 to 2.5 times
apart, and between them Prometheus can only guess.
"""

from __future__ import annotations

from math import erf, log, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from servekit.telemetry.metrics import LATENCY_BUCKETS
from workbench.observe.characteristics import fires, increase
from workbench.verdicts import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["FOR_S", "Latency", "canary_latency", "characteristics", "quantile", "simulated"]

FOR_S: Final = 600
_TIMES, _LEAST_S, _LEAST_RATE = 1.5, 0.01, 1.0
_LOOK_S, _MINUTES_S, _HOUR_S, _DAY_S = 15, 300, 3600, 86_400
_ALERT: Final = "alert CanaryLatency"


class Latency(NamedTuple):
    """How long a version's answers take: lognormal, but a share of them about 200 ms."""

    median_s: float
    slow: float = 0.0
    spread: float = 0.5

    def shares(self) -> NDArray[np.float64]:
        """Of the answers, those in each bucket of a server's histogram, the last of them above every bound."""
        fast, slow = (_below(median, spread) for median, spread in ((self.median_s, self.spread), (0.2, 0.3)))
        return np.diff((1 - self.slow) * fast + self.slow * slow, prepend=0.0, append=1.0)


def simulated(
    rng: np.random.Generator, latencies: list[Latency], rate: float, look_s: int, runs: int
) -> NDArray[np.float64]:
    """A version's histograms, counted from its start: (runs, looks, buckets).

    Args:
        rng: the chance.
        latencies: of its answers before each look.
        rate: requests a second.
        look_s: seconds from one look to the next.
        runs: how many such versions.
    """
    expected = rate * look_s * np.array([latency.shares() for latency in latencies])
    counts = rng.poisson(expected, (runs, *expected.shape))
    return np.cumsum(counts, axis=1, dtype=np.float64)


def quantile(histograms: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """As PromQL's ``histogram_quantile`` has it: linear inside a bucket; NaN of no answers."""
    bounds = np.array([0.0, *LATENCY_BUCKETS])
    below = np.cumsum(histograms, axis=-1)
    rank = share * below[..., -1]
    bucket = np.minimum((below < rank[..., None]).sum(axis=-1), len(LATENCY_BUCKETS) - 1)[..., None]
    inside = np.take_along_axis(histograms, bucket, axis=-1)[..., 0]
    before = np.take_along_axis(below, bucket, axis=-1)[..., 0] - inside
    low, high = bounds[bucket[..., 0]], bounds[bucket[..., 0] + 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = low + (high - low) * np.minimum((rank - before) / inside, 1.0)
    return np.where(below[..., -1] > 0, found, np.nan)


def canary_latency(
    stable: NDArray[np.float64], canary: NDArray[np.float64], look_s: int = _LOOK_S
) -> NDArray[np.bool_]:
    """Whether the expression of `CanaryLatency` holds of the canary, at each look: (runs, looks)."""
    hour, minutes = _HOUR_S // look_s, _MINUTES_S // look_s
    latest = increase(canary, minutes)
    now = quantile(latest, 0.98)
    holds: NDArray[np.bool_] = (
        (quantile(increase(canary, hour), 0.98) > _TIMES * quantile(increase(stable, hour), 0.99))
        & (now > _TIMES * quantile(increase(stable, minutes), 0.99))
        & (now > _LEAST_S)
        & (latest.sum(axis=-1) > _LEAST_RATE * _MINUTES_S)
    )
    return holds


def characteristics(seed: int) -> Iterator[Row]:
    """Pages for versions that are alike, and how soon one that is slower is found."""
    rng = np.random.default_rng(seed)
    for slow in (0.0, 0.01, 0.02):
        alike = Latency(0.005, slow)
        pages = _pages(rng, alike, alike, runs=60, seconds=_DAY_S)
        truth = f"both alike, {100 * slow:g} % take 200 ms; 1.1 and 10 requests/s"
        yield Row(_ALERT, truth, "pages in a day", *pages, at_most=0.04)
    for slower, truth in ((Latency(0.015), "3 times as slow"), (Latency(0.005, slow=0.05), "5 % take 200 ms")):
        pages = _pages(rng, Latency(0.005), slower, runs=200, seconds=_HOUR_S // 2)
        yield Row(_ALERT, f"canary, 1.1 of 11 requests/s, {truth}", "pages within 30 minutes", *pages, at_least=0.9)


def _pages(rng: np.random.Generator, known: Latency, new: Latency, *, runs: int, seconds: int) -> tuple[int, int]:
    looks, fired = seconds // _LOOK_S, 0
    for _ in range(runs // 10):  # ten at a time: a day's histograms of one run are 5,760
        stable, canary = (
            simulated(rng, [each] * looks, rate, _LOOK_S, runs=10) for rate, each in ((10, known), (1.1, new))
        )
        fired += int(fires(canary_latency(stable, canary), FOR_S // _LOOK_S).any(axis=1).sum())
    return fired, runs


def _below(median_s: float, spread: float) -> NDArray[np.float64]:
    return np.array([0.5 * (1 + erf(log(bound / median_s) / spread / sqrt(2))) for bound in LATENCY_BUCKETS])
