"""People look around: sessions of views, some of which end in a purchase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.world.chance import happens
from shop.world.people import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.world.catalogue import Catalogue
    from shop.world.people import People

__all__ = ["Views", "browse", "sold"]

_FACED = 24  # items that a person comes across for each one they look at
_LENGTH = 5  # views of a session, on average
_STRAYS = 0.25  # share of the views that leave the session's category
_AT_ONCE = 50_000


@dataclass(frozen=True)
class Views:
    """Items looked at, in the order of time; ``bought`` of those that were then bought."""

    time: NDArray[np.int64]
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    bought: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time)


def browse(rng: np.random.Generator, catalogue: Catalogue, people: People, count: int) -> Views:
    """``count`` views in sessions; a session mostly stays in one category."""
    length = rng.geometric(1 / _LENGTH, max(1, 2 * count // _LENGTH))
    length = length[: int(np.searchsorted(np.cumsum(length), count)) + 1]
    users, starts = people.visits(rng, len(length))
    session = np.repeat(np.arange(len(length)), length)[:count]
    wish = people.wish(rng, users)[session]
    wish = np.where(happens(rng, _STRAYS, len(session)), people.wish(rng, users[session]), wish)
    first = np.concatenate([[0], np.cumsum(length)[:-1]])
    time = starts[session] + 40 * (np.arange(len(session)) - first[session]) + rng.integers(0, 40, len(session))
    time = np.minimum(time, len(people.day_reach) * DAY - 1)
    looks = np.stack([users[session], wish, time])
    parts = [
        _choose(rng, catalogue, people, looks[:, start : start + _AT_ONCE]) for start in range(0, len(time), _AT_ONCE)
    ]
    item, liked = (np.concatenate(column) for column in zip(*parts, strict=True))
    bought = happens(rng, sold(liked), len(item))
    order = np.argsort(time, kind="stable")
    return Views(time[order], users[session][order], item[order], bought[order])


def sold(liked: NDArray[np.float64]) -> NDArray[np.float64]:
    """How likely an item that is looked at, and liked so much, is bought."""
    chance: NDArray[np.float64] = 0.3 / (1 + np.exp(-(liked - 1.5)))
    return chance


def _choose(
    rng: np.random.Generator, catalogue: Catalogue, people: People, looks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The item, of those come across by popularity, that is liked best at that moment; and how much it is liked.

    ``looks`` is (3, n): who looks around, in which category, and when.
    """
    user, wish, time = looks
    faced = catalogue.draw(rng, np.repeat(wish[:, None], _FACED, axis=1))
    liked = people.utility(catalogue, user, faced)
    mood = liked + rng.gumbel(0, 1, liked.shape)
    mood[catalogue.launched[faced] * DAY > time[:, None]] = -np.inf
    best = np.argmax(mood, axis=1)[:, None]
    return np.take_along_axis(faced, best, 1)[:, 0], np.take_along_axis(liked, best, 1)[:, 0]
