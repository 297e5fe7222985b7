"""The exams of the three models, from what training left for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shop.models.judging import TEST, read_evaluation
from shop.models.openmp import provide
from shop.optimize.exam import Exam, Teacher

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from shop.models.marks import Marks

__all__ = ["read_exam"]

_BATCHES = {"ranking": 100, "fraud": 1, "personalisation": 1}
"""Rows of a typical request: the candidates of a search, a payment, a user."""

_MEASURES = {
    "ranking": ("ndcg_at_10",),
    "fraud": ("auc", "average_precision"),
    "personalisation": ("ndcg_at_10", "recall_at_100"),
}


def read_exam(run_dir: Path, model: str, period: str = TEST) -> Exam:
    """The exam of a model in a period.

    Raises:
        EvaluationError: training has not left it.
    """
    evaluation = read_evaluation(run_dir, model, period)

    def mark(outputs: Sequence[NDArray[Any]]) -> Marks:
        return evaluation.marks(outputs[0])

    teacher = _teacher(run_dir / "evaluation" / f"{model}.teacher.txt")
    return Exam(model, _BATCHES[model], evaluation.calibration, evaluation.inputs, _MEASURES[model], mark, teacher)


def _teacher(path: Path) -> Teacher | None:
    if not path.exists():
        return None
    provide()
    import lightgbm  # noqa: PLC0415 - only now is its OpenMP runtime there

    booster = lightgbm.Booster(model_file=str(path))

    def run(rows: NDArray[np.float32]) -> NDArray[np.floating]:
        return np.asarray(booster.predict(rows, num_threads=1))

    return Teacher("teacher LightGBM", run, path.stat().st_size)
