"""The items that can be recommended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Catalogue", "Item"]


@dataclass(frozen=True)
class Item:
    """A film: its id, its title with the year, its genres."""

    id: int
    title: str
    genres: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """The items, in the order of the models' features and scores."""

    items: tuple[Item, ...]

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def position(self) -> dict[int, int]:
        """The position of each item's feature and score, by the item's id."""
        return {item.id: position for position, item in enumerate(self.items)}

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """The ids (items,) by position."""
        return np.array([item.id for item in self.items])

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """All genres of the items, in alphabetical order."""
        return tuple(sorted({genre for item in self.items for genre in item.genres}))

    @cached_property
    def of_genre(self) -> dict[str, NDArray[np.bool_]]:
        """For each genre, a mask (items,) of the items that have it."""
        return {genre: np.array([genre in item.genres for item in self.items]) for genre in self.genres}
