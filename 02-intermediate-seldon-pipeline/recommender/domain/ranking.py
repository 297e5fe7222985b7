"""The ranking of scored items: filter, sort, and count what was dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recommender.domain.catalogue import Catalogue

__all__ = ["Candidates", "rank", "recommendation"]


@dataclass(frozen=True)
class Candidates:
    """The items that may be recommended, and how many each filter dropped of those that the filters before it left.

    Attributes:
        allowed: (items,) true for the items that are left.
        rated: items dropped because the user has rated them.
        genre: items dropped because they are of another genre.
        stock: items dropped because they are out of stock.
    """

    allowed: NDArray[np.bool_]
    rated: int
    genre: int
    stock: int

    @classmethod
    def of(
        cls, rated: NDArray[np.int32], wanted: NDArray[np.bool_] | None, out_of_stock: NDArray[np.bool_]
    ) -> Candidates:
        """The candidates of a catalogue after all filters.

        Args:
            rated: (n,) positions of the items that the user has rated.
            wanted: (items,) true for items of the genre asked for; None for any genre.
            out_of_stock: (items,) true for items that are out of stock.
        """
        unseen = np.ones(len(out_of_stock), bool)
        unseen[rated] = False
        of_genre = unseen if wanted is None else unseen & wanted
        allowed = of_genre & ~out_of_stock
        left = [int(mask.sum()) for mask in (unseen, of_genre, allowed)]
        return cls(allowed, len(unseen) - left[0], left[0] - left[1], left[1] - left[2])


def rank(scores: NDArray[Any], allowed: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """The positions of the ``k`` best allowed items, or of all if fewer; best first, ties in catalogue order."""
    (left,) = np.nonzero(allowed)
    best: NDArray[np.int64] = left[np.argsort(-scores[left], kind="stable")[:k]]
    return best


def recommendation(scores: NDArray[Any], candidates: Candidates, k: int, catalogue: Catalogue) -> dict[str, Any]:
    """The payload of an answer: ``items`` with id, title and score, and a ``reason`` when they are fewer than ``k``."""
    best = rank(scores, candidates.allowed, k)
    items = [
        {"id": catalogue.items[at].id, "title": catalogue.items[at].title, "score": round(float(scores[at]), 6)}
        for at in best.tolist()
    ]
    if len(items) == k:
        return {"items": items}
    dropped = f"{candidates.rated} already rated, {candidates.genre} of another genre, {candidates.stock} out of stock"
    return {"items": items, "reason": f"{len(items) or 'none'} of {len(catalogue)} items left: {dropped}"}
