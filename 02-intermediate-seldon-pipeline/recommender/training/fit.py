"""The training: split by time, fit both models, and compare them with popularity before anyone serves them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recommender.domain.interactions import Histories, Interactions, hold_out_last
from recommender.domain.normalisation import Normalisation
from recommender.training.als import AlsSettings, ItemFactors, fit_als
from recommender.training.ease import fit_ease
from recommender.training.evaluation import Quality, evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HELD_OUT", "LIKED_STARS", "MANY", "FittedModels", "marks", "parameters", "train"]

HELD_OUT = 10
"""The number of each user's last interactions that are held out for evaluation."""

LIKED_STARS = 4
"""The rating from which a held-out item counts as relevant: a film that was watched was not always liked."""

MANY = 50
"""From so many ratings on a user is judged among those of whom much is known."""

# Chosen on a validation part, cut from the training part the same way (each user's last five); never on the held-out.
_SHRINKAGE = 5.0
_WEIGHT = 0.4
_RIDGE = 500.0
_ALS = AlsSettings(rank=32, confidence=2.0, ridge=20.0, rounds=12, seed=20260101)


@dataclass(frozen=True)
class FittedModels:
    """Both models, all else that serving needs, and how good the models are.

    Attributes:
        train: the interactions that the models were fitted on.
        held_out: each user's last interactions, which the models never saw.
        histories: the training part by user.
        normalisation: the parameters of the features.
        features: (users, items) of the training part.
        ease: (items, items) the weights of version 1.
        als: the item factors of version 2.
        quality: the quality of ``popularity`` and of versions ``1`` and ``2`` on the held-out part.
        slices: of each version the quality by how much its users had rated before: `MANY` and more, or less.
    """

    train: Interactions
    held_out: Interactions
    histories: Histories
    normalisation: Normalisation
    features: NDArray[np.float32]
    ease: NDArray[np.float64]
    als: ItemFactors
    quality: dict[str, Quality]
    slices: dict[str, dict[str, Quality]]

    def scores(self, version: str) -> NDArray[np.float64]:
        """The exact scores (users, items) of a version in float64, the oracle of its ONNX graph."""
        wide = self.features.astype(np.float64)
        scores: NDArray[np.float64] = wide @ self.ease if version == "1" else self.als.scores(wide)
        return scores


def parameters(version: str) -> dict[str, Any]:
    """What the training of a version depends on besides its data."""
    own = {"ridge": _RIDGE} if version == "1" else asdict(_ALS)
    return {"held_out": HELD_OUT, "shrinkage": _SHRINKAGE, "weight": _WEIGHT, **own}


def train(interactions: Interactions) -> FittedModels:
    """EASE (version 1) and implicit ALS (version 2), fitted and evaluated; equal interactions give equal models."""
    fitting, held_out = hold_out_last(interactions, HELD_OUT)
    histories = Histories.of(fitting)
    normalisation = Normalisation.fit(histories, fitting.catalogue_size, shrinkage=_SHRINKAGE, weight=_WEIGHT)
    features = normalisation.matrix(histories)
    ease = fit_ease(features, ridge=_RIDGE)
    als = fit_als(features, _ALS)
    fitted = FittedModels(fitting, held_out, histories, normalisation, features, ease, als, {}, {})
    _judge(fitted)
    return fitted


def _judge(fitted: FittedModels) -> None:
    seen, relevant = marks(fitted.histories.users, fitted.train, fitted.held_out)
    popularity: NDArray[Any] = np.broadcast_to(seen.sum(axis=0, dtype=np.float64), seen.shape)
    scores = {"popularity": popularity, "1": fitted.scores("1"), "2": fitted.scores("2")}
    many = seen.sum(axis=1) >= MANY
    parts = {f"{MANY} ratings and more": many, f"fewer than {MANY} ratings": ~many}
    for name, each in scores.items():
        fitted.quality[name] = evaluate(each, seen, relevant)
        fitted.slices[name] = {
            part: evaluate(each[users], seen[users], relevant[users])
            for part, users in parts.items()
            if relevant[users].any()
        }


def marks(
    users: NDArray[np.int32], fitting: Interactions, held_out: Interactions
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which items each user has seen, and which of those held out are relevant; both (users, items)."""
    return _mask(users, fitting), _mask(users, held_out.where(held_out.ratings >= LIKED_STARS))


def _mask(users: NDArray[np.int32], interactions: Interactions) -> NDArray[np.bool_]:
    mask = np.zeros((len(users), interactions.catalogue_size), bool)
    mask[np.searchsorted(users, interactions.users), interactions.items] = True
    return mask
