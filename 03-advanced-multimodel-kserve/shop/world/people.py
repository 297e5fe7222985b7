"""Who comes to the shop, and what they would like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.world.catalogue import CATEGORIES, STYLE
from shop.world.chance import happens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.world.catalogue import Catalogue

__all__ = ["DAY", "HOUR", "People", "make_people"]

HOUR, DAY = 3_600, 86_400
"""In seconds."""

_TRIBES = 40  # groups of like-minded people
_WEEK = np.array([0.9, 0.9, 0.95, 1.0, 1.1, 1.3, 1.25])  # how much happens from Monday to Sunday
_MIDDAY = 0.35  # share of the users who come in their lunch break; the others in the evening
_GROWTH = 0.2  # what the shop grows by while it is watched


@dataclass(frozen=True)
class People:
    """The users, one row each.

    Attributes:
        reach: cumulated activity; the last is 1.
        interest: (users, categories) cumulated, the last of each row is 1.
        taste: (users, STYLE).
        tier: the price level they buy at, against what is usual.
        thrift: how much a price off that level puts them off.
        peak: hour of the day at which they come most.
        day_reach: cumulated share of each day of what happens.
    """

    reach: NDArray[np.float64]
    interest: NDArray[np.float64]
    taste: NDArray[np.float32]
    tier: NDArray[np.float64]
    thrift: NDArray[np.float64]
    peak: NDArray[np.float64]
    day_reach: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tier)

    def visits(self, rng: np.random.Generator, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Who comes and when, in seconds, in the order of time."""
        users = np.searchsorted(self.reach, rng.random(count), side="right")
        days = np.searchsorted(self.day_reach, rng.random(count), side="right")
        hours = (self.peak[users] + rng.normal(0, 2.5, count)) % 24
        times = (days * DAY + hours * HOUR).astype(np.int64)
        order = np.argsort(times, kind="stable")
        return users[order], times[order]

    def wish(self, rng: np.random.Generator, users: NDArray[np.integer]) -> NDArray[np.int64]:
        """A category for each of the users, as likely as they are interested."""
        wish: NDArray[np.int64] = (rng.random((len(users), 1)) > self.interest[users]).sum(axis=1)
        return np.minimum(wish, len(CATEGORIES) - 1)

    def utility(
        self, catalogue: Catalogue, users: NDArray[np.integer], items: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """(n, m): how much user n likes each of the items (n, m) put before them."""
        fit = np.einsum("nmk,nk->nm", catalogue.style[items], self.taste[users], optimize=False)
        off = np.abs(catalogue.tier[items] - self.tier[users, None])
        liked: NDArray[np.float64] = fit - self.thrift[users, None] * off + 0.5 * catalogue.quality[items]
        return liked


def make_people(rng: np.random.Generator, users: int, days: int) -> People:
    """People of a few dozen tribes, some of whom come a hundred times as often as others."""
    kinds = len(CATEGORIES)
    activity = rng.lognormal(0, 1.1, users)
    tribe = rng.integers(0, _TRIBES, users)
    interest = rng.gamma(0.25, 1.0, (_TRIBES, kinds))[tribe] + rng.gamma(0.08, 1.0, (users, kinds)) + 1e-3
    taste = 0.9 * rng.normal(0, 1, (_TRIBES, STYLE))[tribe] + 0.45 * rng.normal(0, 1, (users, STYLE))
    peak = np.where(happens(rng, _MIDDAY, users), rng.normal(12, 2, users), rng.normal(20, 2, users)) % 24
    busy = _WEEK[np.arange(days) % 7] * np.linspace(1, 1 + _GROWTH, days)
    return People(
        reach=_reach(activity),
        interest=np.cumsum(interest / interest.sum(axis=1, keepdims=True), axis=1),
        taste=(2.2 * taste).astype(np.float32),
        tier=rng.normal(0, 0.5, users),
        thrift=rng.gamma(4, 0.4, users),
        peak=peak,
        day_reach=_reach(busy),
    )


def _reach(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = np.cumsum(weights / weights.sum())
    reach[-1] = 1.0
    return reach
