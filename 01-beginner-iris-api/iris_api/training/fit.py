"""The training use case: fit a model and report how good it is, before anyone serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from iris_api.domain.flower import CLASS_NAMES
from servekit.shares import share_margin

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["INVERSE_REGULARISATION", "TrainingReport", "out_of_fold", "parameters", "split", "train"]

INVERSE_REGULARISATION = 1.0
"""scikit-learn's ``C``: the smaller, the closer the coefficients are kept to 0."""

_SEED = 20260101
_MAX_ITERATIONS = 1_000
_FOLDS = 5


class TrainingReport(msgspec.Struct, frozen=True):
    """How good a model is; accuracies from 0 to 1.

    Attributes:
        cross_validated_accuracy: mean over five stratified folds of the training part.
        cross_validated_deviation: standard deviation over those folds.
        test_accuracy: on the 30 flowers that the model never saw.
        baseline_accuracy: of the most frequent class of the training part as the only answer, on the same flowers.
        train_rows: flowers it was fitted on.
        test_rows: flowers held out.
        margins: how far an accuracy may be from that on many more flowers, with 95 %.
        slices: accuracy and margin by species, each flower of the training part told by a model not fitted on it.
    """

    cross_validated_accuracy: float
    cross_validated_deviation: float
    test_accuracy: float
    baseline_accuracy: float
    train_rows: int
    test_rows: int
    margins: dict[str, float]
    slices: dict[str, dict[str, dict[str, float]]]


def parameters(c: float) -> dict[str, Any]:
    """What a training depends on besides its data."""
    return {"model": "logistic regression", "c": c, "max_iter": _MAX_ITERATIONS, "folds": _FOLDS, "seed": _SEED}


def train(
    features: NDArray[Any], labels: NDArray[Any], c: float = INVERSE_REGULARISATION
) -> tuple[Pipeline, TrainingReport]:
    """A fitted pipeline (standardise, multinomial logistic regression) and its report.

    The split is stratified and seeded, so two runs fit the same model.
    """
    fitting, held_out, fitting_labels, held_out_labels = split(features, labels)
    pipeline = _pipeline(c)
    scores = cross_val_score(pipeline, fitting, fitting_labels, cv=_folds())
    pipeline.fit(fitting, fitting_labels)
    most_frequent = np.bincount(fitting_labels).argmax()
    report = TrainingReport(
        cross_validated_accuracy=round(float(scores.mean()), 4),
        cross_validated_deviation=round(float(scores.std()), 4),
        test_accuracy=round(float(pipeline.score(held_out, held_out_labels)), 4),
        baseline_accuracy=round(float((held_out_labels == most_frequent).mean()), 4),
        train_rows=len(fitting),
        test_rows=len(held_out),
        margins=_margins(pipeline.predict(held_out) == held_out_labels),
        slices={
            "species": _by_species(cross_val_predict(pipeline, fitting, fitting_labels, cv=_folds()), fitting_labels)
        },
    )
    return pipeline, report


def _margins(right: NDArray[np.bool_]) -> dict[str, float]:
    return {"test_accuracy": round(share_margin(int(right.sum()), len(right)), 4)}


def _by_species(told: NDArray[Any], labels: NDArray[Any]) -> dict[str, dict[str, float]]:
    found = {name: told[labels == label] == label for label, name in enumerate(CLASS_NAMES)}
    return {
        name: {
            "rows": len(right),
            "accuracy": round(float(right.mean()), 4),
            "margin": round(share_margin(int(right.sum()), len(right)), 4),
        }
        for name, right in found.items()
    }


def split(features: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Features to fit and held out, labels to fit and held out: a fifth of each class is held out, always the same."""
    parts: list[NDArray[Any]] = train_test_split(features, labels, test_size=0.2, stratify=labels, random_state=_SEED)
    return tuple(parts)


def out_of_fold(features: NDArray[Any], labels: NDArray[Any], c: float = INVERSE_REGULARISATION) -> NDArray[np.float64]:
    """Probabilities (n, 3) of every row, by a model that was not fitted on it: live scores should look like these."""
    probabilities: NDArray[np.float64] = cross_val_predict(
        _pipeline(c), features, labels, cv=_folds(), method="predict_proba"
    )
    return probabilities


def _pipeline(c: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=_MAX_ITERATIONS))


def _folds() -> StratifiedKFold:
    return StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
