"""The items there are to recommend."""

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
        """Where an item's feature and score are, by its id."""
        return {item.id: position for position, item in enumerate(self.items)}

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """(items,) ids by position."""
        return np.array([item.id for item in self.items])

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """Every genre that an item has, in alphabetical order."""
        return tuple(sorted({genre for item in self.items for genre in item.genres}))

    @cached_property
    def of_genre(self) -> dict[str, NDArray[np.bool_]]:
        """For each genre, (items,) whether an item has it."""
        return {genre: np.array([genre in item.genres for item in self.items]) for genre in self.genres}
