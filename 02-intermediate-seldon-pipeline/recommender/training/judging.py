"""How good an artefact is, whoever trained it: the served graph itself, on what users did later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recommender.adapters.artefact import Artefact
from recommender.adapters.onnx_model import OnnxModel
from recommender.domain.interactions import Histories, hold_out_last
from recommender.training.evaluation import evaluate
from recommender.training.fit import HELD_OUT, marks

if TYPE_CHECKING:
    from pathlib import Path

    from recommender.domain.interactions import Interactions
    from recommender.training.evaluation import Quality

__all__ = ["judge"]


def judge(folder: Path, interactions: Interactions) -> Quality:
    """Runs an artefact's graph on all users' ratings, and holds its ranking against their last ones.

    Raises:
        ArtefactError: the artefact is missing or damaged, or ONNX Runtime cannot load it.
    """
    artefact = Artefact(folder)
    fitting, held_out = hold_out_last(interactions, HELD_OUT)
    histories = Histories.of(fitting)
    scores = OnnxModel(artefact).scores(artefact.normalisation().matrix(histories))
    return evaluate(scores, *marks(histories.users, fitting, held_out))
