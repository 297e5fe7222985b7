"""Who showed interest in what until a moment, and how the shop's pages were examined."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.world.record import Record

__all__ = ["Interest", "propensities"]

_ROUNDS = 4  # of subspace iteration
_LONGEST = 3.0  # times the typical length
_SPARE = 8  # directions beyond those kept, which make it converge


@dataclass(frozen=True)
class Interest:
    """Views and clicks in the order of time, and the record of the searches.

    Attributes:
        users: how many there are.
        items: likewise.
        time: of each view or click.
        user: who.
        item: what.
        bought: whether it was bought then; 1 or 0.
        examined: results of each item that were probably looked at.
        clicks: clicks on each item's results.
        user_click_rate: of each user, clicks for each examined result, as a logarithm against the mean.
    """

    users: int
    items: int
    time: NDArray[np.int64]
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    bought: NDArray[np.float64]
    examined: NDArray[np.float64]
    clicks: NDArray[np.float64]
    user_click_rate: NDArray[np.float64]

    @classmethod
    def until(cls, record: Record, moment: int) -> Interest:
        """The views, clicks and searches before ``moment``."""
        views, searches = record.views, record.searches
        seen = int(np.searchsorted(views.time, moment))
        asked = int(np.searchsorted(searches.time, moment))
        shown = slice(0, int(searches.start[asked]))
        row, item, clicked = searches.row[shown], searches.item[shown], searches.clicked[shown]
        looked = propensities(record, asked)[searches.position[shown]]
        time = np.concatenate([views.time[:seen], searches.time[row[clicked]]])
        order = np.argsort(time, kind="stable")
        user = np.concatenate([views.user[:seen], searches.user[row[clicked]]])
        items, users = len(record.items), record.users
        return cls(
            users=users,
            items=items,
            time=time[order],
            user=user[order],
            item=np.concatenate([views.item[:seen], item[clicked]])[order],
            bought=np.concatenate([views.bought[:seen], searches.bought[shown][clicked]])[order].astype(np.float64),
            examined=_sums(item, looked, items),
            clicks=_sums(item, clicked, items),
            user_click_rate=_click_rates(searches.user[row], looked, clicked, users),
        )

    @cached_property
    def per_user(self) -> NDArray[np.int64]:
        """How many views and clicks each user has."""
        return np.bincount(self.user, minlength=self.users)

    @cached_property
    def purchases(self) -> NDArray[np.float64]:
        """How many purchases each item has."""
        return _sums(self.item, self.bought, self.items)

    @property
    def click_rate(self) -> float:
        """Clicks per examined result, over all items."""
        return float(self.clicks.sum() / max(self.examined.sum(), 1.0))

    def mean_of_items(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """(users, m): for values (items, m) the mean over what each user was interested in; purchases count thrice."""
        return _means(self.matrix, values)

    def mean_of_users(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """(items, m): for values (users, m) the mean over who was interested in each item."""
        return _means(self._transposed, values)

    def mean_by_item(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """(items, m): for values (views and clicks, m) the mean of each item's."""
        columns = [np.bincount(self.item, weights=column, minlength=self.items) for column in values.T]
        count = np.bincount(self.item, minlength=self.items)
        means: NDArray[np.float64] = np.stack(columns, axis=1) / np.maximum(count, 1)[:, None]
        return means

    def latent(self, rank: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Items (items, rank) and users (users, rank) in the space that explains most of who looks at what.

        Subspace iteration on the matrix normalised by activity and popularity, so that neither is what it explains.
        Lengths are capped: who looked at one rare item is no more certain, and INT8 would lose the rest to such values.
        """
        person = 1 / np.sqrt(np.maximum(self.matrix.sum(axis=1), 1))
        thing = 1 / np.sqrt(np.maximum(self.matrix.sum(axis=0), 1))
        basis = np.random.default_rng(0).normal(size=(self.items, min(rank + _SPARE, self.items)))
        for _ in range(_ROUNDS):
            upper = person[:, None] * (self.matrix @ (thing[:, None] * basis))
            basis, _ = np.linalg.qr(thing[:, None] * (self._transposed @ (person[:, None] * upper)))
        people = person[:, None] * (self.matrix @ (thing[:, None] * basis))
        _, _, turn = np.linalg.svd(people.T @ people)
        turned = turn.T[:, :rank]
        return _capped(basis @ turned), _capped(people @ turned)

    @cached_property
    def matrix(self) -> Any:
        """Sparse (users, items): how much interest each showed; a purchase counts as three views."""
        weight = 1 + 2 * self.bought
        return csr_array((weight, (self.user, self.item)), shape=(self.users, self.items))

    @cached_property
    def _transposed(self) -> Any:
        return self.matrix.T.tocsr()


def propensities(record: Record, searches: int) -> NDArray[np.float64]:
    """How likely each position is looked at, of the first: from the shuffled pages of that many searches.

    On a shuffled page every position has the same items on average, so the clicks tell of the looking alone.
    """
    shown = slice(0, int(record.searches.start[searches]))
    explored = record.searches.explored[record.searches.row[shown]]
    position, clicked = record.searches.position[shown][explored], record.searches.clicked[shown][explored]
    size = int(record.searches.position.max()) + 1
    rate = (np.bincount(position, weights=clicked, minlength=size) + 1) / (np.bincount(position, minlength=size) + 10)
    return np.minimum.accumulate(np.minimum(rate / rate[0], 1.0))


def _sums(place: NDArray[np.int64], weights: NDArray[Any], size: int) -> NDArray[np.float64]:
    return np.bincount(place, weights=weights, minlength=size).astype(np.float64)


def _click_rates(
    user: NDArray[np.int64], looked: NDArray[np.float64], clicked: NDArray[np.bool_], users: int
) -> NDArray[np.float64]:
    mean = clicked.sum() / max(looked.sum(), 1.0)
    clicks = np.bincount(user, weights=clicked, minlength=users)
    examined = np.bincount(user, weights=looked, minlength=users)
    rates: NDArray[np.float64] = np.log((clicks + 10 * mean + 1e-3) / (examined + 10) / (mean + 1e-4))
    return rates


def _means(matrix: Any, values: NDArray[Any]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = (matrix @ values) / np.maximum(matrix.sum(axis=1), 1e-9)[:, None]
    return means


def _capped(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows in units of their typical length, none longer than a few of these."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    typical = float(np.median(length[length > 0])) if length.any() else 1.0
    capped: NDArray[np.float64] = rows / np.maximum(typical, length / _LONGEST)
    return capped
