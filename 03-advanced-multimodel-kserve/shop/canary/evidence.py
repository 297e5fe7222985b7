"""How sure may one be that the candidate is worse than stable? Exact tests: they hold for a handful of answers too."""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING, NamedTuple

import scipy  # loads scipy.stats, a second's work, when the first test asks for it: shifting traffic by hand needs none

from servekit.drift.distance import psi

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["EMPTY", "Histogram", "Quantile", "binomial_tail", "fisher", "histogram_psi", "quantile"]

_LEAST_EXPECTED = 5.0
_Z = 1.96


class Histogram(NamedTuple):
    """Counts between edges: ``counts[i]`` values are in (edges[i-1], edges[i]], the last of them above every edge."""

    edges: tuple[float, ...] = ()
    counts: tuple[float, ...] = ()

    @property
    def total(self) -> float:
        """How many values there are."""
        return sum(self.counts)

    def above(self, edge: float) -> float:
        """How many values are above an edge of the histogram."""
        return sum(count for upper, count in zip((*self.edges, inf), self.counts, strict=True) if upper > edge)


EMPTY = Histogram()


class Quantile(NamedTuple):
    """A quantile read from a histogram, and the 95 % interval it is surely in; the upper end may be infinite."""

    value: float
    low: float
    high: float


def quantile(histogram: Histogram, share: float) -> Quantile:
    """The quantile by linear interpolation inside its bucket, as Prometheus' ``histogram_quantile`` does it.

    The interval takes the ranks that a sample of this size leaves open (normal approximation of the binomial) and the
    whole buckets that they fall into: with few samples or wide buckets it is honest about how little is known.
    """
    total = histogram.total
    if not total:
        return Quantile(0.0, 0.0, inf)
    spread = _Z * sqrt(total * share * (1 - share))
    edges = (0.0, *histogram.edges, inf)
    index, within = _bucket(histogram, total * share)
    upper = edges[index + 1] if edges[index + 1] < inf else edges[index]
    value = edges[index] + (upper - edges[index]) * within
    low, _ = _bucket(histogram, max(total * share - spread, 0.0))
    high, _ = _bucket(histogram, total * share + spread)
    return Quantile(value, edges[low], edges[high + 1])


def _bucket(histogram: Histogram, rank: float) -> tuple[int, float]:
    """Which bucket holds a rank, and how far into it the rank is."""
    before = 0.0
    for index, count in enumerate(histogram.counts):
        if count and before + count >= rank:
            return index, (rank - before) / count
        before += count
    return len(histogram.counts) - 1, 1.0


def fisher(bad: float, of: float, stable_bad: float, stable_of: float) -> float:
    """Fisher's exact test, one-sided: how likely the candidate has at least so many bad ones if both are alike.

    Args:
        bad: bad answers of the candidate.
        of: its answers.
        stable_bad: bad answers of stable.
        stable_of: its answers.
    """
    answers = round(of) + round(stable_of)
    if not answers:
        return 1.0
    return float(scipy.stats.hypergeom.sf(round(bad) - 1, answers, round(bad + stable_bad), round(of)))


def binomial_tail(bad: float, of: float, share: float) -> float:
    """How likely at least ``bad`` of ``of`` are bad when each is with probability ``share``."""
    return float(scipy.stats.binom.sf(round(bad) - 1, round(of), share))


def histogram_psi(stable: Histogram, candidate: Histogram) -> tuple[float, int]:
    """The population stability index of two samples in the same buckets, and how many bins it was taken over.

    Neighbouring buckets are joined until the smaller sample would expect five values in each: sparse tails say nothing.
    One bin (nothing to compare) gives 0.
    """
    bins = list(_joined(stable.counts, candidate.counts))
    return psi(*zip(*bins, strict=True)), len(bins)


def _joined(stable: Sequence[float], candidate: Sequence[float]) -> Iterable[tuple[float, float]]:
    both = sum(stable) + sum(candidate)
    smaller = min(sum(stable), sum(candidate)) / both if both else 0.0
    bins: list[tuple[float, float]] = []
    p = q = 0.0
    for stable_count, candidate_count in zip(stable, candidate, strict=True):
        p, q = p + stable_count, q + candidate_count
        if (p + q) * smaller >= _LEAST_EXPECTED:
            bins.append((p, q))
            p = q = 0.0
    if (p or q) and bins:
        last = bins.pop()
        p, q = p + last[0], q + last[1]
    return [*bins, (p, q)] if p or q or not bins else bins
