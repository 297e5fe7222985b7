"""The answer of the service, as JSON has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from iris_api.domain.flower import CLASS_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Answer", "Prediction", "answer"]


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """The species of one flower; ``probabilities`` in the order setosa, versicolor, virginica."""

    label: int
    class_name: str
    probabilities: list[float]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One prediction for each flower, in the order of the request, and the model version that made them."""

    model: str
    version: str
    predictions: list[Prediction]


def answer(model: str, version: str, labels: NDArray[Any], probabilities: NDArray[Any]) -> Answer:
    """The answer for ``labels`` of shape (n,) and ``probabilities`` of shape (n, 3)."""
    pairs = zip(labels.tolist(), probabilities.tolist(), strict=True)
    return Answer(model, version, [Prediction(label, CLASS_NAMES[label], each) for label, each in pairs])
