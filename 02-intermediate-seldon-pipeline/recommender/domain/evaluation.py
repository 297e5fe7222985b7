"""How good recommendations are, judged by what users did later."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Quality", "evaluate"]

_NDCG_AT = 10
_RECALL_AT = 20


@dataclass(frozen=True)
class Quality:
    """Means over the users with something relevant held out; each from 0 to 1.

    Attributes:
        ndcg_at_10: normalised discounted cumulative gain of the first ten, with binary relevance (Järvelin, 2002).
        recall_at_20: part of the relevant items found among the first twenty.
        coverage_at_10: part of the catalogue that is recommended to anybody at all.
    """

    ndcg_at_10: float
    recall_at_20: float
    coverage_at_10: float

    def rounded(self) -> dict[str, float]:
        """For a model card."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def evaluate(scores: NDArray[Any], seen: NDArray[np.bool_], relevant: NDArray[np.bool_]) -> Quality:
    """Judges rankings of what users have not seen; all three arrays are (users, items)."""
    judged = relevant.any(axis=1)
    hidden = np.where(seen[judged], -np.inf, scores[judged])
    top = np.argsort(-hidden, axis=1, kind="stable")[:, :_RECALL_AT]
    hits = np.take_along_axis(relevant[judged], top, axis=1)
    wanted = relevant[judged].sum(axis=1)
    discount = 1 / np.log2(np.arange(2, _NDCG_AT + 2))
    ideal = np.cumsum(discount)[np.minimum(wanted, _NDCG_AT) - 1]
    return Quality(
        ndcg_at_10=float(np.mean(hits[:, :_NDCG_AT] @ discount / ideal)),
        recall_at_20=float(np.mean(hits.sum(axis=1) / wanted)),
        coverage_at_10=len(np.unique(top[:, :_NDCG_AT])) / scores.shape[1],
    )
