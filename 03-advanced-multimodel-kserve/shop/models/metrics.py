"""How good a ranking or a probability is; higher is better but for the calibration error.

The order of the rows never counts: equal scores are worth the mean over their orders, so a model that tells nothing
apart is as good as chance. What is not a number makes a measure that is none. `adr-own-measures.md` says why
scikit-learn, whose measures these are without ties, is the tests' oracle and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import digamma

from servekit.ties import mean_over_ties

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "RankedRows", "auc", "average_precision", "calibration_error", "ndcg", "ndcg_of_hits", "ndcg_of_lists",
    "recall_at_false_positives",
]  # fmt: skip


def ndcg(scores: NDArray[np.floating], gains: NDArray[np.floating], start: NDArray[np.int64], k: int = 10) -> float:
    """Mean NDCG@k over the lists that have a gain at all; list n is ``start[n]`` to ``start[n + 1]``."""
    judged = ndcg_of_lists(scores, gains, start, k)
    return float(judged.mean()) if len(judged) else 0.0


def ndcg_of_lists(
    scores: NDArray[np.floating], gains: NDArray[np.floating], start: NDArray[np.int64], k: int = 10
) -> NDArray[np.float64]:
    """NDCG@k of each list that has a gain at all; expected over ties, as `servekit.ties` says."""
    lists = np.repeat(np.arange(len(start) - 1), np.diff(start))
    place = np.arange(len(scores)) - start[lists]
    weight = np.where(place < k, 1 / np.log2(place + 2.0), 0.0)

    def dcg(key: NDArray[np.floating]) -> NDArray[np.float64]:
        worth = mean_over_ties(gains, key, start) * weight
        return np.bincount(lists, weights=worth, minlength=len(start) - 1).astype(np.float64)

    best = dcg(gains)
    judged: NDArray[np.float64] = dcg(scores)[best > 0] / best[best > 0]
    return judged


def ndcg_of_hits(hits: NDArray[np.bool_], total: NDArray[np.int64], k: int = 10) -> NDArray[np.float64]:
    """NDCG@k, (n,), of lists of hits, best first: (n, places); ``total`` (n,) could have been hit, at least 1 each."""
    weights = 1 / np.log2(np.arange(2, k + 2))
    hits = hits[:, :k]
    ideal = np.cumsum(weights)[np.minimum(total, hits.shape[1]) - 1]
    found: NDArray[np.float64] = hits @ weights[: hits.shape[1]] / ideal
    return found


def auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """How likely a positive has a higher score than a negative; ties count half."""
    return RankedRows.of(scores, positive).auc()


def average_precision(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Mean precision over the positives, as one goes down the scores; expected over the orders of ties."""
    return RankedRows.of(scores, positive).average_precision()


@dataclass(frozen=True)
class RankedRows:
    """Rows from the highest score down, so that they can be judged many times over, each row as often as one says.

    Attributes:
        order: (rows,) the rows, best first.
        first: (ties,) where in the order each group of equal scores begins.
        positive: (rows,) in this order, 1 or 0; not a number where the score is none.
    """

    order: NDArray[np.int64]
    first: NDArray[np.int64]
    positive: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> RankedRows:
        """The rows with these scores, those that are ``positive`` being looked for."""
        order = np.argsort(-scores, kind="stable")
        begins = np.ones(len(order), bool)
        begins[1:] = scores[order[1:]] != scores[order[:-1]]
        return cls(order, np.nonzero(begins)[0], np.where(np.isnan(scores), np.nan, positive)[order])

    def auc(self, times: NDArray[np.floating] | NDArray[np.integer] | None = None) -> float:
        """How likely a positive is above a negative; row n counts ``times[n]`` times, once if nothing is said."""
        rows, hits = self._ties(times)
        misses = rows - hits
        below = misses.sum() - np.cumsum(misses) + misses / 2
        pairs = hits.sum() * misses.sum()
        return float((hits * below).sum() / pairs) if pairs else 0.5

    def average_precision(self, times: NDArray[np.floating] | NDArray[np.integer] | None = None) -> float:
        """Expected over the orders of each tie (McSherry and Najork, 2008); ``times`` as above.

        In a tie of n rows with h hits, behind N rows with H hits, the place N + i holds a hit with chance h / n; then
        the places of the tie above it hold (i - 1) (h - 1) / (n - 1) hits on average. The sum over i has a closed form
        with harmonic numbers, which are digamma less a constant.
        """
        rows, hits = self._ties(times)
        some = hits != 0
        if not some.any():
            return 0.0
        end, found = np.cumsum(rows)[some], np.cumsum(hits)[some]
        rows, hits = rows[some], hits[some]
        before, above = end - rows, found - hits
        each = (hits - 1) / np.maximum(rows - 1, 1)
        places = digamma(end + 1) - digamma(before + 1)  # sums of 1 / place
        precision = hits / rows * ((above + 1 - each * (before + 1)) * places + each * rows)
        return float(precision.sum() / found[-1])

    def _ties(
        self, times: NDArray[np.floating] | NDArray[np.integer] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of each group of equal scores, best first: how many rows, and how many of them are positive."""
        often = np.ones(len(self.order)) if times is None else times[self.order].astype(np.float64)
        return np.add.reduceat(often, self.first), np.add.reduceat(often * self.positive, self.first)


def recall_at_false_positives(scores: NDArray[np.floating], positive: NDArray[np.bool_], rate: float = 0.01) -> float:
    """Share of the positives found at a threshold that at most this share of the negatives exceeds."""
    negatives = np.sort(scores[~positive])[::-1]
    if not len(negatives) or not positive.any():
        return 0.0
    threshold = negatives[min(int(rate * len(negatives)), len(negatives) - 1)]
    return float((scores[positive] > threshold).mean())


def calibration_error(probabilities: NDArray[np.floating], positive: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance between promised and true share of positives, over bins of equal size: ECE, in probability."""
    everything = np.array([0, len(positive)])
    promised = np.array_split(mean_over_ties(probabilities, probabilities, everything), bins)
    came_true = np.array_split(mean_over_ties(positive, probabilities, everything), bins)
    gaps = [abs(p.mean() - t.mean()) * len(p) for p, t in zip(promised, came_true, strict=True) if len(p)]
    return float(sum(gaps) / len(positive))
