"""The quality of recommendations, judged by what users did later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from servekit.shares import mean_margin
from servekit.ties import mean_over_ties

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
        recall_at_20: share of the relevant items among the first twenty.
        coverage_at_10: share of the catalogue among the first ten of any user.
        ndcg_margin: half of the 95 % confidence interval around ``ndcg_at_10``.
        recall_margin: half of the 95 % confidence interval around ``recall_at_20``.
        users: the number of users with something relevant held out.
    """

    ndcg_at_10: float
    recall_at_20: float
    coverage_at_10: float
    ndcg_margin: float
    recall_margin: float
    users: int

    def rounded(self) -> dict[str, float]:
        """The means, for a model card."""
        names = ("ndcg_at_10", "recall_at_20", "coverage_at_10")
        return {name: round(getattr(self, name), 4) for name in names}

    def margins(self) -> dict[str, float]:
        """The margins by the name of what they belong to, likewise."""
        return {"ndcg_at_10": round(self.ndcg_margin, 4), "recall_at_20": round(self.recall_margin, 4)}


def evaluate(scores: NDArray[Any], seen: NDArray[np.bool_], relevant: NDArray[np.bool_]) -> Quality:
    """The quality of rankings of the items that users have not seen; all three arrays are (users, items).

    Hits are an average over all orders of equal scores: the catalogue's own order would favour popular films, which
    have the first ids. Coverage counts the items that would be shown, with ties in the catalogue's order.
    """
    judged = relevant.any(axis=1)
    hidden = np.where(seen[judged], -np.inf, scores[judged])
    shown = np.argsort(-hidden, axis=1, kind="stable")[:, :_NDCG_AT]
    hits = _expected_hits(hidden, relevant[judged])[:, :_RECALL_AT]
    wanted = relevant[judged].sum(axis=1)
    discount = 1 / np.log2(np.arange(2, _NDCG_AT + 2))
    ideal = np.cumsum(discount)[np.minimum(wanted, _NDCG_AT) - 1]
    ndcg, recall = hits[:, :_NDCG_AT] @ discount / ideal, hits.sum(axis=1) / wanted
    return Quality(
        ndcg_at_10=float(ndcg.mean()),
        recall_at_20=float(recall.mean()),
        coverage_at_10=len(np.unique(shown)) / scores.shape[1],
        ndcg_margin=mean_margin(ndcg),
        recall_margin=mean_margin(recall),
        users=len(ndcg),
    )


def _expected_hits(scores: NDArray[Any], relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each place of a user's ranking, the probability (users, items) that it holds a relevant item."""
    users, items = scores.shape
    start = np.arange(users + 1) * items
    return mean_over_ties(relevant.ravel(), scores.ravel(), start).reshape(users, items)
