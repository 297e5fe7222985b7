"""Fisher's Iris data, as scikit-learn ships it: 150 flowers of 3 species."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_iris

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["data_sha256", "iris_rows"]


def iris_rows() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features (150, 4) in cm and labels (150,)."""
    features, labels = load_iris(return_X_y=True)
    return features, labels.astype(np.int64)


def data_sha256(*arrays: NDArray[Any]) -> str:
    """The sha256 of the arrays that a model was fitted on, which ties the artefact to its training set."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
