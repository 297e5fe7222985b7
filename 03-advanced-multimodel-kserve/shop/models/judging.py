"""The sets that a new version of a model is made and judged with: ``.run/3/evaluation/<model>.npz``.

Training leaves them for whoever makes another version: the gate of quantisation, a canary, a peer in another runtime.
There are two: what lies between training and test is for choosing (``<model>.choosing.npz``), the test period for
judging what was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from shop.models.fraud.training import judge
from shop.models.marks import Marks, marks_of_means, marks_of_payments
from shop.models.metrics import ndcg_of_lists
from shop.models.personalisation.evaluation import evaluate, evaluate_each

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["CHOOSING", "TEST", "Evaluation", "EvaluationError", "read_evaluation", "write_evaluation"]

CHOOSING, TEST = "choosing", "test"
"""The periods: what one version out of several is chosen on, and what the chosen one is judged on, once."""


class EvaluationError(Exception):
    """There is no evaluation set."""


@dataclass(frozen=True)
class Evaluation:
    """Inputs, and what tells how good outputs for them are.

    Attributes:
        model: ``ranking``, ``fraud`` or ``personalisation``.
        calibration: (rows, width): inputs from the training period; none in the set for choosing.
        inputs: (rows, width): inputs from the set's period; the model's only input, in the order of ``quality``.
        truth: what happened.
        period: ``TEST`` or ``CHOOSING``.
    """

    model: str
    calibration: NDArray[np.float32]
    inputs: NDArray[np.float32]
    truth: Mapping[str, NDArray[Any]]
    period: str = TEST

    def quality(self, output: NDArray[Any]) -> dict[str, float]:
        """Metrics of the model's first output for all of ``inputs``: scores, probabilities, or (rows, k) item ids."""
        if self.model == "fraud":
            return judge(output, self.truth["fraud"])
        if self.model == "personalisation":
            return vars(evaluate(lambda rows: output[rows], self._looked))
        return self.marks(output).quality

    def marks(self, output: NDArray[Any]) -> Marks:
        """What a gate judges of these, with the pages, payers or users that they are of."""
        if self.model == "ranking":
            each = ndcg_of_lists(output, self.truth["gains"], self.truth["start"])
            return marks_of_means("pages", {"ndcg_at_10": each})
        if self.model == "fraud":
            return marks_of_payments(output, self.truth["fraud"], self.truth["payer"])
        users = evaluate_each(lambda rows: output[rows], self._looked)
        return marks_of_means("users", {"ndcg_at_10": users.ndcg_at_10, "recall_at_100": users.recall_at_100})

    @property
    def _looked(self) -> Any:
        """Sparse (users, items): what they looked at."""
        shape = (len(self.inputs), int(self.truth["items"]))
        values = np.ones(len(self.truth["indices"]), np.float32)
        return csr_array((values, self.truth["indices"], self.truth["indptr"]), shape=shape)


def write_evaluation(run_dir: Path, evaluation: Evaluation) -> None:
    """Writes the set; the same set gives the same bytes."""
    path = _path(run_dir, evaluation.model, evaluation.period)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"calibration": evaluation.calibration, "inputs": evaluation.inputs, **evaluation.truth}
    np.savez(path, allow_pickle=False, **arrays)


def read_evaluation(run_dir: Path, model: str, period: str = TEST) -> Evaluation:
    """The set of a model and a period.

    Raises:
        EvaluationError: it is missing or damaged.
    """
    path = _path(run_dir, model, period)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            content = dict(arrays)
        return Evaluation(model, content.pop("calibration"), content.pop("inputs"), content, period)
    except (OSError, ValueError, KeyError) as error:
        raise EvaluationError(f"{path}: not an evaluation set: {error}: run make train-3") from None


def _path(run_dir: Path, model: str, period: str) -> Path:
    return run_dir / "evaluation" / (f"{model}.npz" if period == TEST else f"{model}.{period}.npz")
