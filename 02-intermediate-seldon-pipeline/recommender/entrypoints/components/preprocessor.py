"""The first step, a TRANSFORMER: a request in, the features of its user out.

seldon-core-microservice recommender.entrypoints.components.preprocessor.Preprocessor --service-type TRANSFORMER
"""

from __future__ import annotations

import json
from typing import Any

from seldon_core.user_model import SeldonResponse

from recommender.adapters.tensors import encode
from recommender.domain.request import RecommendationRequest, parse_request
from recommender.entrypoints.components.step import Step, open_artefact
from recommender.service.preparation import Preparation
from servekit.errors import InvalidValueError

__all__ = ["Preprocessor"]


class Preprocessor(Step):
    """Takes ``jsonData`` as `parse_request` reads it, and answers ``binData``, a safetensors document for the model.

    The document has ``features`` F32 [1, items], ``rated`` I32 [n] with the positions of the items that the user rated,
    and in its metadata ``request``, the JSON object with ``k`` and ``genre`` that the last step needs. The answer is
    tagged ``cold_start``.

    Args:
        model_dir: the artefact; by default RECOMMENDER_MODEL_DIR.

    Raises:
        ArtefactError: the artefact is missing or damaged.
    """

    def __init__(self, model_dir: str | None = None) -> None:
        artefact = open_artefact(model_dir)
        self._card = artefact.card()
        self._preparation = Preparation(artefact.normalisation(), artefact.histories(), artefact.catalogue())

    def transform_input(self, X: Any, names: list[str], meta: dict[str, Any] | None = None) -> SeldonResponse:  # noqa: N803, ARG002 - Seldon's signature
        """The model's input for a request; raises InvalidValueError when the payload is no request."""
        if not isinstance(X, dict):
            raise InvalidValueError("payload", None, "expected jsonData with user or ratings")
        request = parse_request(X, self._preparation.catalogue)
        prepared = self._preparation.prepare(request)
        tensors = {"features": prepared.features, "rated": prepared.rated}
        metrics = (
            [{"type": "COUNTER", "key": "recommender_cold_starts_total", "value": 1}] if prepared.cold_start else []
        )
        return SeldonResponse(
            encode(tensors, {"request": _context(request)}), {"cold_start": prepared.cold_start}, metrics
        )

    def transform_input_raw(self, message: Any) -> Any:
        """The answer to a whole message, see `Step.answer`."""
        return self.answer(message, self.transform_input)

    def health_status(self) -> str:
        """``ready``, once a request has been prepared."""
        self._preparation.prepare(RecommendationRequest(user=0))
        return "ready"

    def init_metadata(self) -> dict[str, Any]:
        """The answer of Seldon's ``/metadata`` for this step."""
        return {
            "name": "preprocessor",
            "versions": [self._card.version],
            "platform": "numpy",
            "inputs": [{"messagetype": "jsonData", "schema": {"type": "object"}}],
            "outputs": [{"messagetype": "binData"}],
        }


def _context(request: RecommendationRequest) -> str:
    return json.dumps({"k": request.k, "genre": request.genre})
