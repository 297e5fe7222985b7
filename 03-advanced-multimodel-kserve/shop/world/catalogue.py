"""The items that the shop sells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.categories import CATEGORIES
from shop.world.chance import happens

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CATEGORIES", "RESALE", "STYLE", "Catalogue", "make_catalogue"]

RESALE = np.array([0, 0.2, 0, 0.1, 1, 0.3, 0, 0.8, 0.1, 0, 0.4, 0, 0.9, 0, 0.2, 0])
"""For each category, how easily its goods are sold on: what draws a thief."""

STYLE = 12
"""Axes on which items differ and people have a taste: colour, material, brand …, without their names."""

_ZIPF = 0.75  # exponent of popularity by rank
_NEW = 0.15  # share of the items that are launched while the world is watched


@dataclass(frozen=True)
class Catalogue:
    """The items, one row each.

    Attributes:
        category: index into CATEGORIES.
        price: in the shop's currency.
        tier: logarithm of the price against what is usual in the category.
        quality: what buyers will think of it; about normal.
        style: (items, STYLE).
        popularity: how often it is come across; sums to 1.
        launched: day since when it is sold; below 0 for all that were there before.
        by_category: item ids, grouped by category.
        bounds: (categories + 1,) where each group begins in it.
        reach: cumulated popularity along it.
    """

    category: NDArray[np.int64]
    price: NDArray[np.float64]
    tier: NDArray[np.float64]
    quality: NDArray[np.float64]
    style: NDArray[np.float32]
    popularity: NDArray[np.float64]
    launched: NDArray[np.float64]
    by_category: NDArray[np.int64]
    bounds: NDArray[np.int64]
    reach: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.category)

    def draw(self, rng: np.random.Generator, categories: NDArray[np.integer]) -> NDArray[np.int64]:
        """For each category asked for, an item of it, as likely as it is popular."""
        low = np.concatenate([[0.0], self.reach])[self.bounds]
        start, end = low[categories], low[np.asarray(categories) + 1]
        place = np.searchsorted(self.reach, start + rng.random(np.shape(categories)) * (end - start), side="right")
        last = self.bounds[np.asarray(categories) + 1] - 1
        drawn: NDArray[np.int64] = self.by_category[np.clip(place, self.bounds[categories], last)]
        return drawn


def make_catalogue(rng: np.random.Generator, items: int, days: int) -> Catalogue:
    """Items whose popularity follows Zipf's law and has something, not everything, to do with their quality."""
    kinds = len(CATEGORIES)
    category = rng.permutation(np.arange(items) % kinds)
    usual = rng.normal(3.2, 0.8, kinds)
    tier = rng.normal(0, 0.6, items)
    quality = rng.normal(0, 1, items)
    looks = rng.normal(0, 0.5, (kinds, STYLE))[category] + rng.normal(0, 1, (items, STYLE))
    rank = np.argsort(np.argsort(-(0.5 * quality + rng.normal(0, 1, items))))
    zipf = (rank + 1.0) ** -_ZIPF
    popularity: NDArray[np.float64] = zipf / zipf.sum()
    launched = np.where(happens(rng, _NEW, items), rng.uniform(0, days, items), rng.uniform(-400, 0, items))
    by_category = np.argsort(category, kind="stable")
    return Catalogue(
        category=category,
        price=np.exp(usual[category] + tier).round(2),
        tier=tier,
        quality=quality,
        style=(looks / np.sqrt(STYLE)).astype(np.float32),
        popularity=popularity,
        launched=launched,
        by_category=by_category,
        bounds=np.searchsorted(category[by_category], np.arange(kinds + 1)),
        reach=np.cumsum(popularity[by_category]),
    )
