"""What a run knows: the interval of a share (slow, failed or wrong requests) and that of a percentile.

"p99 at most 50 ms" promises a share: at most 1 % of the requests take longer than 50 ms. How many of N did is counted,
and the exact binomial interval says what the true share may be (Clopper and Pearson, "The use of confidence or fiducial
limits illustrated in the case of the binomial", Biometrika 26, 1934). Each end is wrong in at most 5 % of runs. The
interval of the percentile is the same one read in milliseconds: the limits for which the run could not tell. For
independent requests those are two of the latencies measured, which no assumption about their distribution is needed
for (order statistics: Conover, "Practical Nonparametric Statistics", 1999, section 3.2).

Requests are not independent: a pause of the server makes all slow that arrive in it. So the window is cut into blocks
of a second, and the requests count for as many as would scatter like these blocks do if they were independent
(Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from
survey data", Survey Methodology 24, 1998). What this cannot see is what did not happen: a pause that comes every 20 s
on average is absent from 6 of 10 runs of 10 s. That is what longer runs are for.
"""

from __future__ import annotations

from bisect import bisect_left
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.sla.samples import Samples

__all__ = ["Blocks", "Share", "Tail", "blocks_of", "independent", "seconds_to_tell", "share_of"]

_SURE: Final = 0.95
_BLOCK_S: Final = 1.0
_LEAST_BLOCKS: Final = 10
_LONGEST_S: Final = 3600  # nobody is asked for a longer run

Blocks = npt.NDArray[np.intp]
"""The block of each request."""


class Share(NamedTuple):
    """``hits`` of ``of`` requests; the true share is above ``low`` and below ``high``, each with 95 % confidence.

    ``weight`` is how many independent requests one counts for: 1, or less where hits come in bursts.
    """

    hits: int
    of: int
    weight: float
    low: float
    high: float

    def stretched(self, factor: float) -> Share:
        """The share that a run this many times as long would find if it went on like this one."""
        return _share(round(self.hits * factor), round(self.of * factor), self.weight)

    def told(self, allowed: float) -> bool:
        """Whether the share is surely at most, or surely more than, what is allowed."""
        return self.high <= allowed or self.low > allowed


class Tail:
    """The latencies of a run, to be asked what is known of any limit and of any percentile."""

    def __init__(self, latencies_ms: npt.NDArray[np.float64], blocks: Blocks) -> None:
        order = np.argsort(latencies_ms, kind="stable")
        self._ordered = latencies_ms[order]
        self._slowest_first = blocks[order][::-1]
        self._sizes = np.bincount(blocks)

    def over(self, limit_ms: float) -> Share:
        """The share of the requests that took longer than a limit."""
        hits = len(self._ordered) - int(np.searchsorted(self._ordered, limit_ms, side="right"))
        return _clustered(np.bincount(self._slowest_first[:hits], minlength=len(self._sizes)), self._sizes)

    def percentile_ms(self, allowed: float, limit_ms: float) -> tuple[float, float | None]:
        """Between which latencies the percentile lies that a share of ``allowed`` requests exceeds.

        A limit at or above the upper end is surely kept, one below the lower end surely not; the answer agrees with
        what is said of ``limit_ms`` itself. The upper end is None when too few requests were made to have one.
        """
        low = self._first(lambda latency: self.over(latency).low <= allowed, limit_ms)
        high = self._first(lambda latency: self.over(latency).high <= allowed, limit_ms)
        least = self._ordered[min(low, len(self._ordered) - 1)]
        return float(least), float(self._ordered[high]) if high < len(self._ordered) else None

    def _first(self, holds: Callable[[float], bool], limit_ms: float) -> int:
        """The first of the ordered latencies for which this holds; it goes on holding above it."""
        at = int(np.searchsorted(self._ordered, limit_ms, side="right"))
        begin, end = (0, at) if holds(limit_ms) else (at, len(self._ordered))
        return bisect_left(range(len(self._ordered)), 1, begin, end, key=lambda n: holds(float(self._ordered[n])))


def blocks_of(judged: Samples, warmup_s: float, duration_s: float) -> Blocks:
    """Cut a run into blocks of a second, never fewer than ten."""
    count = max(_LEAST_BLOCKS, int(duration_s / _BLOCK_S))
    numbers = ((judged["intended_s"] - warmup_s) / duration_s * count).astype(np.intp)
    return np.clip(numbers, 0, count - 1)


def share_of(hits: npt.NDArray[np.bool_], blocks: Blocks) -> Share:
    """The share of the requests that are hits."""
    sizes = np.bincount(blocks)
    return _clustered(np.bincount(blocks[hits], minlength=len(sizes)), sizes)


def independent(hits: int, of: int) -> Share:
    """The share of hits whose times nobody knows, taken for independent."""
    return _share(hits, of, 1.0)


def seconds_to_tell(share: Share, allowed: float, duration_s: float) -> int | None:
    """How long a run, that goes on as this one of ``duration_s`` did, would take to tell; None when over an hour."""
    seconds = range(ceil(duration_s), _LONGEST_S + 1)
    first = bisect_left(seconds, 1, key=lambda each: share.stretched(each / duration_s).told(allowed))
    return seconds[first] if first < len(seconds) else None


def _clustered(hits: npt.NDArray[np.intp], sizes: npt.NDArray[np.intp]) -> Share:
    """Hits by block: how much more they scatter than independent ones is how much less a request counts."""
    total, of, count = int(hits.sum()), int(sizes.sum()), len(sizes)
    if not 0 < total < of or count == 1:
        return _share(total, of, 1.0)
    share = total / of
    scatter = count / (count - 1) * float(np.sum((hits - share * sizes) ** 2))
    return _share(total, of, 1 / max(1.0, scatter / (of * share * (1 - share))))


def _share(hits: int, of: int, weight: float) -> Share:
    counted, all_counted = hits * weight, of * weight
    low = float(betaincinv(counted, all_counted - counted + 1, 1 - _SURE)) if hits else 0.0
    high = float(betaincinv(counted + 1, all_counted - counted, _SURE)) if hits < of else 1.0
    return Share(hits, of, weight, low, high)
