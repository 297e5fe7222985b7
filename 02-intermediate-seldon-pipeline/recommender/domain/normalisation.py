"""The features made of ratings: mean-centred by user, scaled, and distinct from "not rated"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recommender.domain.interactions import Histories

__all__ = ["Normalisation"]


@dataclass(frozen=True)
class Normalisation:
    """The parameters of the features, fitted on the training part only.

    An item that a user rated ``r`` stars has the feature ``1 + weight * (r - mean of the user) / deviation``; one not
    rated has 0. The 1 says "watched", which in a recommender carries most of the information; the rest says "and liked
    it more than this user's usual". A user's mean is drawn towards everybody's by ``shrinkage`` imagined ratings, so
    two ratings of five stars do not make five stars somebody's usual.

    Attributes:
        global_mean: mean of all ratings, stars.
        deviation: standard deviation of the ratings around their users' means, stars.
        shrinkage: imagined ratings of ``global_mean`` stars that each user's mean includes.
        weight: how much liking counts, against having watched.
        typical: (items,) the features that stand for an unknown user: one who watched as many items as the median user,
            the most watched ones, and liked them as much as others did.
    """

    global_mean: float
    deviation: float
    shrinkage: float
    weight: float
    typical: NDArray[np.float32]

    @classmethod
    def fit(cls, histories: Histories, catalogue_size: int, *, shrinkage: float, weight: float) -> Normalisation:
        """The parameters for these histories."""
        global_mean = float(histories.ratings.mean(dtype=np.float64))
        unscaled = cls(global_mean, 1.0, shrinkage, 1.0, np.zeros(catalogue_size, np.float32))
        centred = np.concatenate([ratings - unscaled.usual(ratings) for _, ratings in histories])
        deviation = float(centred.std(dtype=np.float64))
        scaled = cls(global_mean, deviation, shrinkage, weight, unscaled.typical)
        return cls(global_mean, deviation, shrinkage, weight, _typical(scaled.matrix(histories), histories))

    def usual(self, ratings: NDArray[np.float32]) -> float:
        """The shrunken mean of one user's ratings, stars."""
        total = float(ratings.sum(dtype=np.float64)) + self.shrinkage * self.global_mean
        return total / (len(ratings) + self.shrinkage)

    def features(self, items: NDArray[np.int32], ratings: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features (1, items) of a user who gave ``ratings`` (n,) to the items at positions ``items`` (n,)."""
        row = np.zeros((1, len(self.typical)), np.float32)
        row[0, items] = 1 + self.weight * (ratings - self.usual(ratings)) / self.deviation
        return row

    def matrix(self, histories: Histories) -> NDArray[np.float32]:
        """The features (users, items) of all users, by the same code that serves."""
        return np.concatenate([self.features(items, ratings) for items, ratings in histories])


def _typical(features: NDArray[np.float32], histories: Histories) -> NDArray[np.float32]:
    watched = np.bincount(histories.items, minlength=features.shape[1])
    usual_length = int(np.median(np.diff(histories.starts)))
    most_watched = np.argsort(-watched, kind="stable")[:usual_length]
    typical = np.zeros(features.shape[1], np.float32)
    typical[most_watched] = features[:, most_watched].sum(axis=0, dtype=np.float64) / watched[most_watched]
    return typical
