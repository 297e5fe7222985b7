"""Ratings of items by users over time, the raw material of a recommender, and how they are split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Histories", "Interactions", "hold_out_last"]


@dataclass(frozen=True)
class Interactions:
    """``n`` ratings of known items by known users.

    Attributes:
        users: (n,) the users' own ids.
        items: (n,) positions in the catalogue, from 0.
        ratings: (n,) stars, 1 to 5.
        times: (n,) seconds since 1970.
        catalogue_size: the number of items, rated or not.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    ratings: NDArray[np.float64]
    times: NDArray[np.int64]
    catalogue_size: int

    def __len__(self) -> int:
        return len(self.users)

    def where(self, chosen: NDArray[np.bool_]) -> Interactions:
        """The interactions for which ``chosen`` (n,) is true."""
        picked = (self.users[chosen], self.items[chosen], self.ratings[chosen], self.times[chosen])
        return Interactions(*picked, self.catalogue_size)

    def by_time(self) -> Interactions:
        """The interactions by user, then time, then item, whatever their order in the file."""
        order = np.lexsort((self.items, self.times, self.users))
        ordered = (self.users[order], self.items[order], self.ratings[order], self.times[order])
        return Interactions(*ordered, self.catalogue_size)


@dataclass(frozen=True)
class Histories:
    """What each user rated, as compressed rows: user ``u`` has ``items[starts[u]:starts[u + 1]]``, as does ``ratings``.

    Attributes:
        users: (users,) ids, ascending.
        starts: (users + 1,) where each user's part begins.
        items: (n,) positions in the catalogue.
        ratings: (n,) stars.
    """

    users: NDArray[np.int32]
    starts: NDArray[np.int32]
    items: NDArray[np.int32]
    ratings: NDArray[np.float32]

    @classmethod
    def of(cls, interactions: Interactions) -> Histories:
        """The histories of interactions, with one row for each user who rated an item."""
        ordered = interactions.by_time()
        users, starts = np.unique(ordered.users, return_index=True)
        return cls(
            users.astype(np.int32),
            np.append(starts, len(ordered)).astype(np.int32),
            ordered.items.astype(np.int32),
            ordered.ratings.astype(np.float32),
        )

    def of_user(self, user: int) -> tuple[NDArray[np.int32], NDArray[np.float32]] | None:
        """The items and ratings of a user, or None for an unknown user."""
        row = int(np.searchsorted(self.users, user))
        if row == len(self.users) or self.users[row] != user:
            return None
        return self._row(row)

    def __iter__(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        return (self._row(row) for row in range(len(self.users)))

    def __len__(self) -> int:
        return len(self.users)

    def _row(self, row: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        part = slice(int(self.starts[row]), int(self.starts[row + 1]))
        return self.items[part], self.ratings[part]


def hold_out_last(interactions: Interactions, count: int) -> tuple[Interactions, Interactions]:
    """The training part and the held-out part, which has each user's last ``count`` interactions.

    A random split would let the model learn from a user's future.
    """
    ordered = interactions.by_time()
    _, first_from_behind = np.unique(ordered.users[::-1], return_index=True)
    ends = len(ordered) - np.sort(first_from_behind)[::-1]
    owner = np.searchsorted(ends, np.arange(len(ordered)), side="right")
    held_out = np.arange(len(ordered)) >= ends[owner] - count
    return ordered.where(~held_out), ordered.where(held_out)
