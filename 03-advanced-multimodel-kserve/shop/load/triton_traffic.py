"""Requests to Triton itself, past the gateway: typical batches of made-up features, in its binary form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servekit.oip import rest
from servekit.oip.tensors import Inference, Tensor
from shop.addresses import Addresses
from shop.artefact import Artefact
from shop.endpoints import MODELS
from shop.serving.model_config import serving_of
from workbench.load import Request

if TYPE_CHECKING:
    from random import Random

__all__ = ["TritonScenario", "typical_request"]

_VARIANTS = 32


class TritonScenario:
    """A kind for each model: 100 candidates to rank, one payment, one user."""

    def __init__(self) -> None:
        models_dir = Addresses().models_dir
        self._requests = {
            model: [typical_request(Artefact.of(models_dir, model, "1"), seed) for seed in range(_VARIANTS)]
            for model in MODELS
        }

    def request(self, kind: str, random: Random) -> Request:
        """The next request for this model."""
        return random.choice(self._requests[kind])

    def check(self, request: Request, answer: bytes) -> str | None:
        """Whether there are as many answers as rows were sent; their values are checked by the tests."""
        expected = b'"shape":[%d' % request.oracle
        return None if expected in answer else f"answer {answer[:80]!r}: expected {request.oracle} rows"


def typical_request(artefact: Artefact, seed: int) -> Request:
    """A request of a model's usual size, for the artefact's version.

    Raises:
        ArtefactError: there is no such version.
    """
    card = artefact.card()
    declared, rows = card.inputs[0], serving_of(card.name).warm_up_rows
    values = np.random.default_rng(seed).normal(size=(rows, declared["shape"][1])).astype(np.float32)
    inference = Inference((Tensor(declared["name"], "FP32", values),), binary=None)
    body, length = rest.encode_request(inference, binary_inputs=True)
    headers = {"content-type": "application/octet-stream", rest.HEADER_LENGTH: str(length)}
    return Request(f"/v2/models/{card.name}/versions/{card.version}/infer", body, headers=headers, oracle=rows)
