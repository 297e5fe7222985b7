"""The split of traffic: which predictor answers a request, and which shadows get a copy."""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graph_router.domain.graph import Deployment, Predictor

__all__ = ["Traffic"]

_PERCENT = 100


class Traffic:
    """Splits requests among predictors by their weights, and mirrors them to shadows.

    Each request is drawn on its own, as Istio does it for Seldon: no user is bound to a predictor.

    Args:
        deployment: the predictors; the traffic of the live ones sums to 100.
        random: the source of the draws.
    """

    def __init__(self, deployment: Deployment, random: Random | None = None) -> None:
        self._live = deployment.live
        self._bounds = list(accumulate(predictor.traffic for predictor in deployment.live))
        self._shadows = deployment.shadows
        self._random = random or Random()  # noqa: S311 - a split of traffic is no secret

    def predictor(self) -> Predictor:
        """The predictor that answers the next request."""
        if len(self._live) == 1:
            return self._live[0]
        draw = self._random.random() * self._bounds[-1]
        return next(each for each, bound in zip(self._live, self._bounds, strict=True) if draw < bound)

    def shadows(self) -> list[Predictor]:
        """The shadows that get a copy of the next request."""
        return [each for each in self._shadows if self._random.random() * _PERCENT < each.traffic]
