"""EASE: a linear autoencoder with a closed form. Steck, *Embarrassingly Shallow Autoencoders for Sparse Data*, 2019."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_ease"]


def fit_ease(features: NDArray[Any], *, ridge: float) -> NDArray[np.float64]:
    """The weights ``B`` (items, items) with zero diagonal for which ``features @ B`` is closest to ``features``.

    The zero diagonal forbids an item to explain itself; with P the inverse of the ridged Gram matrix, the paper's
    equation 8 is ``B = -P / diag(P)`` off the diagonal.

    Args:
        features: (users, items).
        ridge: L2 penalty; the larger, the more the scores follow popularity.
    """
    wide = features.astype(np.float64)
    gram = wide.T @ wide
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += ridge
    precision = np.linalg.inv(gram)
    weights: NDArray[np.float64] = precision / -np.diag(precision)
    weights[diagonal] = 0
    return weights
