"""The use case of preparing a request: a request in, the features of its user out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recommender.domain.catalogue import Catalogue
    from recommender.domain.interactions import Histories
    from recommender.domain.normalisation import Normalisation
    from recommender.domain.request import RecommendationRequest

__all__ = ["Preparation", "PreparedRequest"]

_NOTHING = np.zeros(0, np.int32), np.zeros(0, np.float32)


@dataclass(frozen=True)
class PreparedRequest:
    """A user as the model and the ranking need it.

    Attributes:
        features: (1, items) the input of the model.
        rated: (n,) positions of the items that the user has rated.
        cold_start: the user is unknown and gave no ratings, so typical features stand in.
    """

    features: NDArray[np.float32]
    rated: NDArray[np.int32]
    cold_start: bool


class Preparation:
    """Turns requests into features, with the normalisation that the models were trained with."""

    def __init__(self, normalisation: Normalisation, histories: Histories, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._normalisation = normalisation
        self._histories = histories

    def prepare(self, request: RecommendationRequest) -> PreparedRequest:
        """The features of the user's history joined with the request's ratings, which win where both rate an item."""
        items, ratings = self._history(request.user)
        if request.ratings:
            given = np.array([self.catalogue.position[item] for item in request.ratings], np.int32)
            old = ~np.isin(items, given)
            items = np.concatenate([items[old], given])
            ratings = np.concatenate([ratings[old], np.fromiter(request.ratings.values(), np.float32)])
        if not len(items):
            return PreparedRequest(self._normalisation.typical[None], items, cold_start=True)
        return PreparedRequest(self._normalisation.features(items, ratings), items, cold_start=False)

    def _history(self, user: int | None) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        known = None if user is None else self._histories.of_user(user)
        return known or _NOTHING
