"""Implicit ALS: matrix factorisation by alternating least squares.

Hu, Koren, Volinsky, *Collaborative Filtering for Implicit Feedback Datasets*, 2008. Every item is an example: not rated
is "not interested" with confidence 1, rated is "interested" with confidence ``1 + confidence * feature``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AlsSettings", "ItemFactors", "fit_als"]


@dataclass(frozen=True)
class AlsSettings:
    """The hyperparameters of ALS.

    Attributes:
        rank: length of the factors.
        confidence: the confidence that a feature of 1 adds to 1.
        ridge: L2 penalty.
        rounds: number of alternations.
        seed: seed of the first factors.
    """

    rank: int
    confidence: float
    ridge: float
    rounds: int
    seed: int


@dataclass(frozen=True)
class ItemFactors:
    """The items' factors that ALS learned, which are enough to score any user.

    Attributes:
        factors: (items, rank).
        confidence: the confidence that they were fitted with.
        ridge: the L2 penalty that they were fitted with.
    """

    factors: NDArray[np.float64]
    confidence: float
    ridge: float

    def scores(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Scores (n, items) for features (n, items), by the exact solution of each user's least-squares problem."""
        users = _solve(self.factors, features.astype(np.float64), self.confidence, self.ridge)
        scores: NDArray[np.float64] = users @ self.factors.T
        return scores


def fit_als(features: NDArray[Any], settings: AlsSettings) -> ItemFactors:
    """The items' factors for features (users, items), by solving for users and items in turn."""
    wide = features.astype(np.float64)
    items: NDArray[np.float64] = np.random.default_rng(settings.seed).normal(0, 0.1, (wide.shape[1], settings.rank))
    for _ in range(settings.rounds):
        users = _solve(items, wide, settings.confidence, settings.ridge)
        items = _solve(users, wide.T, settings.confidence, settings.ridge)
    return ItemFactors(items, settings.confidence, settings.ridge)


def _solve(
    fixed: NDArray[np.float64], features: NDArray[np.float64], confidence: float, ridge: float
) -> NDArray[np.float64]:
    """The best factors (n, rank) for each row of ``features`` (n, m), given ``fixed`` (m, rank).

    Only the rated entries of a row differ from the shared Gram matrix, so each system costs as much as its row is long.
    """
    gram = fixed.T @ fixed + ridge * np.eye(fixed.shape[1])
    solved = np.empty((len(features), fixed.shape[1]))
    for row, feature in enumerate(features):
        (rated,) = np.nonzero(feature > 0)
        chosen = fixed[rated]
        extra = confidence * feature[rated]
        solved[row] = np.linalg.solve(gram + (chosen.T * extra) @ chosen, chosen.T @ (1 + extra))
    return solved
