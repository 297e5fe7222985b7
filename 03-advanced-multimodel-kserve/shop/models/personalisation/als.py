"""Implicit ALS with conjugate gradients: embeddings of users and items whose product says who looks at what.

Hu, Koren, Volinsky, *Collaborative Filtering for Implicit Feedback Datasets*, 2008; a few steps of conjugate gradients
in place of each exact solution are enough, because they begin where the last round ended (Takács, Pilászy, Tikk,
*Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering*, 2011).

Popularity: what everybody looks at says little of anyone's taste, so an interaction weighs less the more popular its
item is, and the ridge grows with how much is known of a user or item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["AlsSettings", "Embeddings", "fit_als"]


@dataclass(frozen=True)
class AlsSettings:
    """How to fit.

    Attributes:
        width: of the embeddings.
        confidence: what one interaction adds to the confidence of 1.
        damping: an interaction's weight is the item's popularity, against the mean, to the power of minus this.
        ridge: L2 penalty for each interaction of a user or item.
        rounds: alternations.
        seed: of the embeddings to begin with.
    """

    width: int
    confidence: float
    damping: float
    ridge: float
    rounds: int
    seed: int


@dataclass(frozen=True)
class Embeddings:
    """(users, width) and (items, width); zeros for whom nothing is known."""

    users: NDArray[np.float32]
    items: NDArray[np.float32]


def fit_als(counts: Any, settings: AlsSettings, say: Callable[[str], None] = lambda _: None) -> Embeddings:
    """Embeddings for a sparse matrix (users, items) of how much interest was shown; ``say`` hears of each round."""
    popularity = np.asarray((counts > 0).sum(axis=0), np.float64).ravel()
    weight = (np.maximum(popularity, 1) / max(popularity.mean(), 1)) ** -settings.damping
    by_user = csr_array(counts * weight[None, :] * settings.confidence).astype(np.float32)
    by_item = by_user.T.tocsr()
    rng = np.random.default_rng(settings.seed)
    users = np.zeros((counts.shape[0], settings.width), np.float32)
    items = rng.normal(0, 0.1, (counts.shape[1], settings.width)).astype(np.float32)
    for number in range(settings.rounds):
        users = _solve(by_user, items, users, settings.ridge)
        items = _solve(by_item, users, items, settings.ridge)
        say(f"round {number + 1} of {settings.rounds}")
    users[np.diff(by_user.indptr) == 0] = 0
    items[np.diff(by_item.indptr) == 0] = 0
    return Embeddings(users, items)


_STEPS = 3  # of conjugate gradients in each half round


def _solve(extra: Any, fixed: NDArray[np.float32], begin: NDArray[np.float32], ridge: float) -> NDArray[np.float32]:
    """(n, width): nearer to the least squares of each row of ``extra`` (n, m), given ``fixed`` (m, width)."""
    known = np.diff(extra.indptr)
    gram = fixed.T @ fixed
    penalty = (ridge * np.maximum(known, 1)).astype(np.float32)[:, None]
    rows = np.repeat(np.arange(len(known)), known)
    theirs = fixed[extra.indices]

    def product(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        met = np.einsum("nk,nk->n", theirs, vectors[rows]) * extra.data
        weighted = csr_array((met, extra.indices, extra.indptr), shape=extra.shape)
        result: NDArray[np.float32] = vectors @ gram + penalty * vectors + weighted @ fixed
        return result

    target = csr_array((extra.data + 1, extra.indices, extra.indptr), shape=extra.shape) @ fixed
    solved, residual = begin.copy(), target - product(begin)
    direction = residual.copy()
    energy = (residual * residual).sum(axis=1, keepdims=True)
    for _ in range(_STEPS):
        ahead = product(direction)
        pace = energy / np.maximum((direction * ahead).sum(axis=1, keepdims=True), 1e-12)
        solved += pace * direction
        residual -= pace * ahead
        energy, before = (residual * residual).sum(axis=1, keepdims=True), energy
        direction = residual + (energy / np.maximum(before, 1e-12)) * direction
    return solved
