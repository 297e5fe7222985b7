"""When requests come, of which kind, and which of them the cache answers: drawn at once, with a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.walk import Walk

__all__ = ["Burst", "Keys", "Surge", "arrival_times", "draw_walks", "hits", "kept"]

Floats = npt.NDArray[np.float64]

_CALM: Final = 10.0


class Burst(NamedTuple):
    """Arrivals in bursts: ``factor`` times the mean rate for ``length_s`` on average, less for ten times as long.

    The mean rate stays what it is (a Poisson process modulated by two states, MMPP-2).
    """

    factor: float
    length_s: float = 0.1


class Surge(NamedTuple):
    """From ``at_s`` on the rate is multiplied: another region's clients have come over."""

    at_s: float
    factor: float


class Keys(NamedTuple):
    """A cache with a time to live, asked for keys of Zipf popularity."""

    size: int
    ttl_s: float
    exponent: float = 0.9


def arrival_times(
    rate_rps: float,
    duration_s: float,
    random: np.random.Generator,
    *,
    burst: Burst | None = None,
    surge: Surge | None = None,
) -> Floats:
    """Arrival times in seconds from 0.

    Raises:
        InvalidValueError: the rate is not positive, or a burst is not above the mean or leaves nothing in between.
    """
    if rate_rps <= 0:
        raise InvalidValueError("rate_rps", rate_rps, "expected above 0")
    peak = rate_rps * max(burst.factor if burst else 1.0, 1.0) * max(surge.factor if surge else 1.0, 1.0)
    count = random.poisson(peak * duration_s)
    times = np.sort(random.random(count) * duration_s)
    level = np.full(count, float(rate_rps))
    if burst:
        level *= _burst_levels(times, burst, random)
    if surge:
        level *= np.where(times >= surge.at_s, surge.factor, 1.0)
    return times[random.random(count) * peak < level]  # thinning: Lewis and Shedler (1979)


def _burst_levels(times: Floats, burst: Burst, random: np.random.Generator) -> Floats:
    calm_s = _CALM * burst.length_s
    share = burst.length_s / (burst.length_s + calm_s)
    quiet = (1 - share * burst.factor) / (1 - share)
    if burst.factor < 1 or quiet < 0:
        raise InvalidValueError("burst factor", burst.factor, f"expected from 1 to {1 / share:.3g}")
    turns = int(times[-1] / (burst.length_s + calm_s)) * 2 + 20 if len(times) else 2
    gaps = random.exponential(np.tile([calm_s, burst.length_s], turns))
    state = np.searchsorted(np.cumsum(gaps), times, side="right") % 2
    return np.where(state == 1, burst.factor, quiet)


def draw_walks(found: Sequence[Walk], count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """For each request the index of its walk, by their weights."""
    weights = np.array([each.weight for each in found])
    return np.asarray(random.choice(len(found), count, p=weights / weights.sum()), dtype=np.int64)


def hits(times: Floats, keys: Keys, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which of the requests at these times find their key in the cache, see `kept`."""
    popularity = (np.arange(keys.size) + 1.0) ** -keys.exponent
    wanted = np.searchsorted(np.cumsum(popularity / popularity.sum()), random.random(len(times)))
    return np.array(list(kept(times.tolist(), wanted.tolist(), keys.ttl_s)), dtype=bool)


def kept(times: Iterable[float], keys: Iterable[int], ttl_s: float) -> Iterator[bool]:
    """Whether each of these requests finds its key in a cache that was empty at first.

    A miss fills the cache for ``ttl_s`` from then on; a hit does not renew it.
    """
    fresh_until: dict[int, float] = {}
    for now, key in zip(times, keys, strict=True):
        fresh = fresh_until.get(key, -1.0) > now
        if not fresh:
            fresh_until[key] = now + ttl_s
        yield fresh
