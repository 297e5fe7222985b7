"""People search: a page of results, examined from the top, clicked, and sometimes bought from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.world.browsing import sold
from shop.world.catalogue import CATEGORIES
from shop.world.chance import happens
from shop.world.people import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.world.catalogue import Catalogue
    from shop.world.people import People

__all__ = ["PAGE", "Searches", "appeal", "clicks", "retrieve", "search"]

PAGE = 30
_EXPLORED = 0.25  # share of the searches whose page is shuffled, to learn what popularity hides
_EXAMINED = 0.6  # position p is looked at with probability (p + 1) ** -this
_POPULAR = 0.5  # share of the results that popularity finds; the words of the query alone find the rest
_ASTRAY = 0.15  # share of the results that are of another category
_PRICED = 0.4  # share of the searches that name a price
_AT_ONCE = 20_000


Wish = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.float64]"]
"""User, category and price (or NaN) of each search."""


@dataclass(frozen=True)
class Searches:
    """Searches in the order of time, and their results: search n has those from ``start[n]`` to ``start[n + 1]``.

    Attributes:
        time: seconds since the world began.
        user: who searched.
        category: what for.
        price: what they meant to spend; NaN where they did not say.
        explored: the page was in random order.
        start: (searches + 1,).
        item: of each result.
        position: on its page, from 0.
        clicked: or not.
        bought: after the click.
    """

    time: NDArray[np.int64]
    user: NDArray[np.int64]
    category: NDArray[np.int64]
    price: NDArray[np.float64]
    explored: NDArray[np.bool_]
    start: NDArray[np.int64]
    item: NDArray[np.int64]
    position: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    bought: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def row(self) -> NDArray[np.int64]:
        """The search that each result belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))


def search(rng: np.random.Generator, catalogue: Catalogue, people: People, count: int) -> Searches:
    """``count`` searches on a shop that ranks by popularity and shuffles a few pages."""
    user, time = people.visits(rng, count)
    category = people.wish(rng, user)
    usual = np.array([np.log(catalogue.price[catalogue.category == each]).mean() for each in range(len(CATEGORIES))])
    price = np.exp(usual[category] + people.tier[user] + rng.normal(0, 0.3, count)).round(2)
    price[~happens(rng, _PRICED, count)] = np.nan
    explored = happens(rng, _EXPLORED, count)
    pages = []
    for first in range(0, count, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        found = retrieve(rng, catalogue, category[part], time[part], PAGE)
        order = rng.gumbel(0, 1, found.shape) + np.where(explored[part, None], 0, np.log(catalogue.popularity[found]))
        order[found < 0] = -np.inf
        found = np.take_along_axis(found, np.argsort(-order, axis=1, kind="stable"), 1)
        liked = appeal(catalogue, people, (user[part], category[part], price[part]), found)
        pages.append(_outcome(rng, found, liked))
    length = np.concatenate([page.pop() for page in pages])
    item, position, clicked, bought = (np.concatenate(column) for column in zip(*pages, strict=True))
    start = np.concatenate([[0], np.cumsum(length)])
    return Searches(time, user, category, price, explored, start, item, position, clicked > 0, bought > 0)


def retrieve(
    rng: np.random.Generator,
    catalogue: Catalogue,
    category: NDArray[np.int64],
    time: NDArray[np.int64],
    size: int,
) -> NDArray[np.int64]:
    """(n, size): different items on sale that match a search, half by popularity and half by their words alone.

    -1 stands where a small catalogue has no more.
    """
    wide = 2 * size
    asked = np.repeat(category[:, None], wide, axis=1)
    astray = happens(rng, _ASTRAY, asked.shape)
    asked = np.where(astray, (asked + rng.integers(1, len(CATEGORIES), asked.shape)) % len(CATEGORIES), asked)
    spread = np.diff(catalogue.bounds)[asked]
    anyone = catalogue.by_category[catalogue.bounds[asked] + (rng.random(asked.shape) * spread).astype(np.int64)]
    found = np.where(happens(rng, _POPULAR, asked.shape), catalogue.draw(rng, asked), anyone)
    found[catalogue.launched[found] * DAY > time[:, None]] = -1
    found.sort(axis=1)
    found[:, 1:][found[:, 1:] == found[:, :-1]] = -1
    keep = np.argsort(rng.random(found.shape) + (found < 0), axis=1, kind="stable")[:, :size]
    return np.take_along_axis(found, keep, 1)


def appeal(
    catalogue: Catalogue,
    people: People,
    wish: Wish,
    found: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(n, m): how much each result appeals to the one who searched."""
    user, category, price = wish
    liked = people.utility(catalogue, user, found)
    off = np.abs(np.log(catalogue.price[found]) - np.log(price)[:, None])
    liked -= 1.5 * np.nan_to_num(off)
    liked -= 2.0 * (catalogue.category[found] != category[:, None])
    return liked


def clicks(rng: np.random.Generator, liked: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which results are clicked once they are looked at."""
    return happens(rng, 1 / (1 + np.exp(-1.4 * (liked - 1.2))), liked.shape)


def _outcome(rng: np.random.Generator, found: NDArray[np.int64], liked: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Item, position, clicked and bought of each result there is, and last the lengths of the pages."""
    there = found >= 0
    position = np.broadcast_to(np.arange(found.shape[1]), found.shape)
    clicked = clicks(rng, liked) & happens(rng, np.float64(1) / (position + 1) ** _EXAMINED, found.shape)
    bought = clicked & happens(rng, sold(liked), found.shape)
    columns = [each[there].astype(np.int64) for each in (found, position, clicked, bought)]
    return [*columns, there.sum(axis=1)]
