"""How good a ranking or a probability is; higher is better but for the calibration error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["auc", "average_precision", "calibration_error", "ndcg", "recall_at_false_positives"]


def ndcg(scores: NDArray[np.floating], gains: NDArray[np.floating], start: NDArray[np.int64], k: int = 10) -> float:
    """Mean NDCG@k over the lists that have a gain at all; list n is ``start[n]`` to ``start[n + 1]``.

    Equal scores keep the order of the rows.
    """
    lists = np.repeat(np.arange(len(start) - 1), np.diff(start))
    size = len(start) - 1

    def dcg(key: NDArray[np.floating]) -> NDArray[np.float64]:
        order = np.lexsort((-key, lists))
        place = np.arange(len(key)) - start[lists]
        weight = np.where(place < k, 1 / np.log2(place + 2.0), 0.0)
        sums: NDArray[np.float64] = np.bincount(lists, weights=gains[order] * weight, minlength=size).astype(np.float64)
        return sums

    best = dcg(gains)
    judged = best > 0
    return float((dcg(scores)[judged] / best[judged]).mean()) if judged.any() else 0.0


def auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """How likely a positive has a higher score than a negative; ties count half."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return 0.5
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # equal scores share the mean of their ranks
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Mean precision over the positives, as one goes down the scores."""
    ordered = positive[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    return float(precision[ordered].mean()) if ordered.any() else 0.0


def recall_at_false_positives(scores: NDArray[np.floating], positive: NDArray[np.bool_], rate: float = 0.01) -> float:
    """Share of the positives found at a threshold that at most this share of the negatives exceeds."""
    negatives = np.sort(scores[~positive])[::-1]
    if not len(negatives) or not positive.any():
        return 0.0
    threshold = negatives[min(int(rate * len(negatives)), len(negatives) - 1)]
    return float((scores[positive] > threshold).mean())


def calibration_error(probabilities: NDArray[np.floating], positive: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance between promised and true share of positives, over bins of equal size: ECE, in probability."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(probabilities[part].mean() - positive[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(order))
