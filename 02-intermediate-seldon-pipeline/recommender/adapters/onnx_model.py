"""A model in ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime

from recommender.adapters.artefact import ArtefactError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recommender.adapters.artefact import Artefact

__all__ = ["OnnxModel"]


class OnnxModel:
    """A model that ONNX Runtime runs on one thread; by default it would size its pool from the host's cores.

    Raises:
        ArtefactError: the artefact is missing or damaged, or ONNX Runtime cannot load it.
    """

    def __init__(self, artefact: Artefact) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        content = artefact.onnx()
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises a dozen unrelated types
            raise ArtefactError(f"{artefact.folder / 'model.onnx'}: ONNX Runtime refuses it: {error}") from None

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (n, items) for features (n, items)."""
        scores: NDArray[np.float32] = self._session.run(["scores"], {"features": features})[0]
        return scores
