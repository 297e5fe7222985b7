"""Arrival times, kinds of request and cache hits, drawn all at once with a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.request_path import RequestPath

__all__ = ["Surge", "arrival_times", "draw_paths", "still_cached"]

Floats = npt.NDArray[np.float64]


class Surge(NamedTuple):
    """From ``at_s`` on the rate is multiplied: the clients of another region are added."""

    at_s: float
    factor: float


def arrival_times(
    rate_rps: float, duration_s: float, random: np.random.Generator, surge: Surge | None = None
) -> Floats:
    """Arrival times in seconds from 0.

    Raises:
        InvalidValueError: the rate is not positive.
    """
    if rate_rps <= 0:
        raise InvalidValueError("rate_rps", rate_rps, "expected above 0")
    peak = rate_rps * max(surge.factor if surge else 1.0, 1.0)
    count = random.poisson(peak * duration_s)
    times = np.sort(random.random(count) * duration_s)
    level = np.full(count, float(rate_rps))
    if surge:
        level *= np.where(times >= surge.at_s, surge.factor, 1.0)
    return times[random.random(count) * peak < level]  # thinning: Lewis and Shedler (1979)


def draw_paths(found: Sequence[RequestPath], count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """For each request the index of its path, by their weights."""
    weights = np.array([each.weight for each in found])
    return np.asarray(random.choice(len(found), count, p=weights / weights.sum()), dtype=np.int64)


def still_cached(times: Iterable[float], keys: Iterable[int], ttl_s: float) -> Iterator[bool]:
    """Whether each of these requests finds its key in a cache that was empty at first.

    A miss fills the cache for ``ttl_s`` from then on; a hit does not renew it.
    """
    fresh_until: dict[int, float] = {}
    for now, key in zip(times, keys, strict=True):
        fresh = fresh_until.get(key, -1.0) > now
        if not fresh:
            fresh_until[key] = now + ttl_s
        yield fresh
