"""The second step, a MODEL: features in, scores of all items out.

seldon-core-microservice recommender.entrypoints.components.model.Model --service-type MODEL
"""

from __future__ import annotations

from typing import Any

import numpy as np
from seldon_core.user_model import SeldonResponse

from recommender.adapters.onnx_model import OnnxModel
from recommender.adapters.tensors import decode, encode
from recommender.entrypoints.components.step import Step, open_artefact
from servekit.errors import InvalidValueError, ServingError

__all__ = ["Model"]

_LARGEST = 1e6  # a rating, normalised, is within 5; what the model makes of this is far from what float32 can hold


class Model(Step):
    """Takes features and answers scores, in the form that the features came in.

    In the pipeline both are ``binData``, a safetensors document: ``features`` F32 [n, items] is replaced by ``scores``
    F32 [n, items], other tensors and the metadata are passed on. On its own the model also takes ``data`` (tensor or
    ndarray, [n, items]). The answer is tagged with the model's name, version and algorithm.

    Args:
        model_dir: the artefact; by default RECOMMENDER_MODEL_DIR.

    Raises:
        ArtefactError: the artefact is missing or damaged.
    """

    def __init__(self, model_dir: str | None = None) -> None:
        self._artefact = open_artefact(model_dir)
        self._card = self._artefact.card()
        self._items = int(self._card.inputs[0]["shape"][1])
        self._artefact.onnx()  # a damaged artefact must fail here: the wrapper starts its servers before it loads
        self._model: OnnxModel | None = None

    def load(self) -> None:
        """Opens the model in the process that serves: the wrapper calls this after it has forked."""
        self._model = OnnxModel(self._artefact)

    def predict(self, X: Any, names: list[str], meta: dict[str, Any] | None = None) -> SeldonResponse:  # noqa: N803, ARG002 - Seldon's signature
        """The scores for features; raises InvalidValueError or MalformedError when the payload has no features."""
        if isinstance(X, np.ndarray):
            return SeldonResponse(self._scores(X), self._tags())
        if not isinstance(X, bytes):
            raise InvalidValueError("payload", None, "expected features as binData or data")
        tensors, metadata = decode(X)
        if "features" not in tensors:
            raise InvalidValueError("tensor", "features", "missing")
        scores = self._scores(tensors.pop("features"))
        return SeldonResponse(encode({"scores": scores, **tensors}, metadata), self._tags())

    def predict_raw(self, message: Any) -> Any:
        """The answer to a whole message, see `Step.answer`."""
        return self.answer(message, self.predict)

    def health_status(self) -> str:
        """``ready``, once the model has scored a row of zeros."""
        self._scores(np.zeros((1, self._items), np.float32))
        return "ready"

    def init_metadata(self) -> dict[str, Any]:
        """The answer of Seldon's ``/metadata`` for this step."""
        return {
            "name": self._card.name,
            "versions": [self._card.version],
            "platform": "onnxruntime_onnx",
            "inputs": self._card.inputs,
            "outputs": self._card.outputs,
            "custom": {"algorithm": self._card.algorithm, "sha256": self._card.sha256},
        }

    def _tags(self) -> dict[str, str]:
        return {"model": self._card.name, "version": self._card.version, "algorithm": self._card.algorithm}

    def _scores(self, features: Any) -> Any:
        if features.ndim != 2 or features.shape[1] != self._items or features.dtype.kind not in "fiu":  # noqa: PLR2004
            shape = f"{features.dtype} {list(features.shape)}"
            raise InvalidValueError("features", shape, f"expected numbers of shape [n, {self._items}]")
        if self._model is None:
            self.load()
        assert self._model  # noqa: S101 - loaded above
        scores = self._model.scores(features.astype(np.float32, copy=False))
        if not np.isfinite(scores).all():
            self._refuse(features)
        return scores

    def _refuse(self, features: Any) -> None:
        """Raises the error for scores that are not finite: the client's where the features are too large, else ours."""
        named = f"{self._card.name} {self._card.version}: scores"
        if not (np.abs(features) <= _LARGEST).all():
            raise InvalidValueError(named, None, f"not finite: expected features from -{_LARGEST:g} to {_LARGEST:g}")
        raise ServingError(named, None, "not finite, whatever the features: expected numbers")
