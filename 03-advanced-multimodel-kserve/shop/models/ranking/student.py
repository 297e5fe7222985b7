"""The student: a small network that learns the teacher's scores, because matrix products are what chips are fast at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shop.features.store import RANKING_WIDTH
from shop.models.mlp import Fit, Mlp, train_mlp
from shop.models.onnx_graph import FLOAT, Writer, add_mlp, tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.models.ranking.lists import Lists

__all__ = ["FIT", "fit_student", "ranking_onnx"]

# Chosen on the validation period; never on the test period.
FIT = Fit(hidden=(512, 256), epochs=2, batch=1024, rate=2e-3, decay=0.01, seed=7)


def fit_student(lists: Lists, teacher: NDArray[np.float64], fit: Fit = FIT) -> Mlp:
    """A network for raw features whose scores order a page as the teacher's (rows,) do."""
    return train_mlp(lists.features, _within(teacher, lists).astype(np.float32), fit, np.subtract)


def ranking_onnx(student: Mlp) -> bytes:
    """``features`` (n, RANKING_WIDTH) in, ``scores`` (n,) out."""
    writer = Writer()
    add_mlp(writer, student, "features", "scores")
    return writer.model("ranking", [tensor("features", FLOAT, RANKING_WIDTH)], [tensor("scores", FLOAT)])


def _within(scores: NDArray[np.float64], lists: Lists) -> NDArray[np.float64]:
    """Scores less their page's mean, which orders nothing; of spread 1 overall."""
    row = lists.row
    centred = scores - (np.bincount(row, weights=scores) / np.bincount(row))[row]
    return centred / max(float(centred.std()), 1e-9)
