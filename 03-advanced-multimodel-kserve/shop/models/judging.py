"""The sets that a new version of a model is calibrated and judged with: ``.run/3/evaluation/<model>.npz``.

Training leaves them for whoever makes another version: the gate of quantisation, a canary, a peer in another runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from shop.models.fraud.training import judge
from shop.models.metrics import ndcg
from shop.models.personalisation.evaluation import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["HEADLINE", "Evaluation", "EvaluationError", "read_evaluation", "write_evaluation"]

HEADLINE = {"ranking": "ndcg_at_10", "fraud": "auc", "personalisation": "ndcg_at_10"}
"""For each model the metric a gate looks at."""


class EvaluationError(Exception):
    """There is no evaluation set."""


@dataclass(frozen=True)
class Evaluation:
    """Inputs, and what tells how good outputs for them are.

    Attributes:
        model: ``ranking``, ``fraud`` or ``personalisation``.
        calibration: (rows, width): inputs from the training period.
        inputs: (rows, width): inputs from the test period; the model's only input, in the order of ``quality``.
        truth: what happened.
    """

    model: str
    calibration: NDArray[np.float32]
    inputs: NDArray[np.float32]
    truth: Mapping[str, NDArray[Any]]

    def quality(self, output: NDArray[Any]) -> dict[str, float]:
        """Metrics of the model's first output for all of ``inputs``: scores, probabilities, or (rows, k) item ids."""
        if self.model == "ranking":
            return {"ndcg_at_10": ndcg(output, self.truth["gains"], self.truth["start"])}
        if self.model == "fraud":
            return judge(output, self.truth["fraud"])
        shape = (len(self.inputs), int(self.truth["items"]))
        values = np.ones(len(self.truth["indices"]), np.float32)
        looked = csr_array((values, self.truth["indices"], self.truth["indptr"]), shape=shape)
        return vars(evaluate(lambda rows: output[rows], looked))


def write_evaluation(run_dir: Path, evaluation: Evaluation) -> None:
    """Writes the set; the same set gives the same bytes."""
    path = _path(run_dir, evaluation.model)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"calibration": evaluation.calibration, "inputs": evaluation.inputs, **evaluation.truth}
    np.savez(path, allow_pickle=False, **arrays)


def read_evaluation(run_dir: Path, model: str) -> Evaluation:
    """The set of a model.

    Raises:
        EvaluationError: it is missing or damaged.
    """
    path = _path(run_dir, model)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            content = dict(arrays)
        return Evaluation(model, content.pop("calibration"), content.pop("inputs"), content)
    except (OSError, ValueError, KeyError) as error:
        raise EvaluationError(f"{path}: not an evaluation set: {error}: run make train-3") from None


def _path(run_dir: Path, model: str) -> Path:
    return run_dir / "evaluation" / f"{model}.npz"
