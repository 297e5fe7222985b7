"""How good an artefact is, whoever trained it: the served graph itself, on the flowers that no training sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from iris_api.adapters.onnx_model import OnnxModel
from iris_api.training.fit import split
from iris_api.training.iris_data import iris_rows

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Quality", "evaluate"]


class Quality(msgspec.Struct, frozen=True):
    """How good a model is on the flowers held out.

    Attributes:
        right: flowers with the right label.
        rows: flowers.
        log_loss: mean of -ln of the probability given to the right class: 0 is perfect, 1.10 knows nothing.
    """

    right: int
    rows: int
    log_loss: float


def evaluate(folder: Path) -> Quality:
    """Runs an artefact's graph on the 30 flowers held out.

    Raises:
        ArtefactError: the artefact is missing or damaged, or ONNX Runtime cannot load it.
    """
    _, held_out, _, labels = split(*iris_rows())
    found, probabilities = OnnxModel(folder).run(held_out.astype(np.float32))
    given = np.take_along_axis(probabilities, labels[:, None].astype(np.int64), axis=1)
    loss = float(-np.log(np.clip(given, 1e-7, None)).mean())
    return Quality(int((found == labels).sum()), len(labels), round(loss, 4))
