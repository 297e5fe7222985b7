"""From scores to an answer: filter, rank, and account for what was dropped."""

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
    """Which items may be recommended, each filter counting what the ones before it left.

    Attributes:
        allowed: (items,) what is left.
        rated: dropped because the user rated them already.
        genre: dropped because they are of another genre.
        stock: dropped because they are out of stock.
    """

    allowed: NDArray[np.bool_]
    rated: int
    genre: int
    stock: int

    @classmethod
    def of(
        cls, rated: NDArray[np.int32], wanted: NDArray[np.bool_] | None, out_of_stock: NDArray[np.bool_]
    ) -> Candidates:
        """Filters a catalogue.

        Args:
            rated: (n,) positions of items rated already.
            wanted: (items,) items of the genre asked for; None when any will do.
            out_of_stock: (items,) items that cannot be had.
        """
        unseen = np.ones(len(out_of_stock), bool)
        unseen[rated] = False
        of_genre = unseen if wanted is None else unseen & wanted
        allowed = of_genre & ~out_of_stock
        left = [int(mask.sum()) for mask in (unseen, of_genre, allowed)]
        return cls(allowed, len(unseen) - left[0], left[0] - left[1], left[1] - left[2])


def rank(scores: NDArray[Any], allowed: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Positions of the ``k`` best items allowed, or of all that are left; best first, equals in catalogue order."""
    (left,) = np.nonzero(allowed)
    best: NDArray[np.int64] = left[np.argsort(-scores[left], kind="stable")[:k]]
    return best


def recommendation(scores: NDArray[Any], candidates: Candidates, k: int, catalogue: Catalogue) -> dict[str, Any]:
    """The answer's payload: ``items`` with id, title and score, and a ``reason`` when there are fewer than ``k``."""
    best = rank(scores, candidates.allowed, k)
    items = [
        {"id": catalogue.items[at].id, "title": catalogue.items[at].title, "score": round(float(scores[at]), 6)}
        for at in best.tolist()
    ]
    if len(items) == k:
        return {"items": items}
    dropped = f"{candidates.rated} already rated, {candidates.genre} of another genre, {candidates.stock} out of stock"
    return {"items": items, "reason": f"{len(items) or 'none'} of {len(catalogue)} items left: {dropped}"}
