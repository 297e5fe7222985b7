"""The share of requests that a cache answers, from how often each comes again within an answer's lifetime.

A key that comes p times a second is fetched once a lifetime T, and of the x = p T that follow all are hits: of x + 1
requests x are answered (a hit does not renew an answer). So a hit ratio is no constant: it grows with the rate. Where
memory is short, answers are thrown out earlier, as if T were the time after which the cache is full (H. Che, Y. Tung,
Z. Wang, "Hierarchical Web Caching Systems", 2002).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from planner.day.fleet_design import CacheChoice
    from planner.day.requirements import DayRequirements

__all__ = ["AnswerCache"]

Floats = npt.NDArray[np.float64]

_GROUPS: Final = 100
_HALVINGS: Final = 24
_FINE: Final = 50
"""Rates are rounded to one part in so many: near enough, and each is worked out once."""


class AnswerCache:
    """The cache of one region: parts of its keys, each filled since some moment.

    Args:
        choice: its size and lifetime.
        needs: the models and their keys.
        bytes_per_key: of memory that an answer takes, as measured.
    """

    def __init__(self, choice: CacheChoice, needs: DayRequirements, bytes_per_key: float) -> None:
        self._lifetime_s = choice.lifetime_s
        self._room = choice.gib * 1024**3 / bytes_per_key
        self._models = [_Popularity(model.share, model.keys, model.skew) for model in needs.models]
        self._steady: dict[int, tuple[float, tuple[float, ...]]] = {}
        self._parts: list[tuple[float, float]] = [(1.0, -math.inf)]
        self.none = choice.nodes == 0 or choice.gib == 0

    def empty(self, now_s: float, share: float = 1.0, absent_s: float = 0.0) -> None:
        """Forgets this share of the keys, and keeps none of them until ``absent_s`` later."""
        kept = [(part * (1 - share), since) for part, since in self._parts if share < 1]
        self._parts = [*kept, (share, now_s + absent_s)]

    def hits(self, rate_rps: float, now_s: float) -> tuple[float, ...]:
        """The share of each model's requests that is answered now, at this rate of all requests."""
        if self.none or rate_rps <= 0:
            return (0.0,) * len(self._models)
        step = round(math.log(rate_rps) * _FINE)
        if step not in self._steady:
            self._steady[step] = self._settled(math.exp(step / _FINE))
        stays_s, steady = self._steady[step]
        totals = [0.0] * len(self._models)
        for part, since in self._parts:
            age = now_s - since
            for index, model in enumerate(self._models):
                young = age < stays_s and model.keys
                share = min(model.seen(rate_rps, age), steady[index]) if young else steady[index]
                totals[index] += part * share
        return tuple(totals)

    def _settled(self, rate_rps: float) -> tuple[float, tuple[float, ...]]:
        """How long an answer stays, and the hit ratios once the cache has filled."""
        low, high = 0.0, self._lifetime_s
        if sum(model.held(rate_rps, high) for model in self._models) > self._room:
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                full = sum(model.held(rate_rps, middle) for model in self._models) > self._room
                low, high = (low, middle) if full else (middle, high)
        return high, tuple(model.ratio(rate_rps, high) for model in self._models)


class _Popularity:
    """How often the keys of one model come, in groups of ranks that are alike."""

    def __init__(self, share: float, keys: int, skew: float) -> None:
        self.keys = keys
        if not keys:
            return
        edges = np.unique(np.round(np.geomspace(1, keys + 1, _GROUPS)))
        self._count = np.diff(edges)
        weight = np.sqrt(edges[:-1] * np.maximum(edges[1:] - 1, 1)) ** -skew
        self._each = share * weight / float(weight @ self._count)

    def held(self, rate_rps: float, stays_s: float) -> float:
        """Answers in memory at a time."""
        if not self.keys:
            return 0.0
        again = rate_rps * self._each * stays_s
        return float(self._count @ (again / (1 + again)))

    def ratio(self, rate_rps: float, stays_s: float) -> float:
        """The share of this model's requests that finds an answer."""
        if not self.keys:
            return 0.0
        again = rate_rps * self._each * stays_s
        return float((self._count * self._each) @ (again / (1 + again)) / (self._count @ self._each))

    def seen(self, rate_rps: float, age_s: float) -> float:
        """The share whose key came at least once since the cache was emptied."""
        if age_s <= 0:
            return 0.0
        came = -np.expm1(-rate_rps * self._each * age_s)
        return float((self._count * self._each) @ came / (self._count @ self._each))
