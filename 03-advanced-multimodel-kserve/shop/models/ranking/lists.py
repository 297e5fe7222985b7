"""Searches as a ranking model learns from them and is judged by: features, gains, and where each list begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.features.ranking import Query, build
from shop.features.store import RANKING_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.models.ranking.snapshot import Snapshot
    from shop.world.searching import Searches

__all__ = ["CLICK", "PURCHASE", "Lists", "gather", "query"]

CLICK, PURCHASE = 1, 2
"""Labels; 0 is neither."""

GAINS = np.array([0.0, 1.0, 3.0])
"""What each label is worth."""


@dataclass(frozen=True)
class Lists:
    """Search n has the rows from ``start[n]`` to ``start[n + 1]``.

    Attributes:
        features: (rows, RANKING_WIDTH).
        label: 0, CLICK or PURCHASE.
        position: on the page, from 0.
        start: (searches + 1,).
    """

    features: NDArray[np.float32]
    label: NDArray[np.int64]
    position: NDArray[np.int64]
    start: NDArray[np.int64]

    @property
    def gains(self) -> NDArray[np.float64]:
        """(rows,): what each result is worth."""
        return GAINS[self.label]

    @property
    def row(self) -> NDArray[np.int64]:
        """The list that each row belongs to."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


def gather(searches: Searches, snapshot: Snapshot, chosen: NDArray[np.integer]) -> Lists:
    """The chosen searches, with features as the snapshot's moment knew users and items."""
    length = np.diff(searches.start)[chosen]
    start = np.concatenate([[0], np.cumsum(length)])
    features = np.empty((start[-1], RANKING_WIDTH), np.float32)
    rows = np.empty(start[-1], np.int64)
    for place, number in enumerate(chosen):
        shown = slice(searches.start[number], searches.start[number + 1])
        into = slice(start[place], start[place + 1])
        rows[into] = np.arange(shown.start, shown.stop)
        user, items = snapshot.users[searches.user[number]], snapshot.items[searches.item[shown]]
        features[into] = build(query(searches, number), user, items)
    label = np.where(searches.bought[rows], PURCHASE, np.where(searches.clicked[rows], CLICK, 0))
    return Lists(features, label, searches.position[rows], start)


def query(searches: Searches, number: int) -> Query:
    """A search as the gateway gets it."""
    price = float(searches.price[number])
    return Query(int(searches.category[number]), None if np.isnan(price) else price)
