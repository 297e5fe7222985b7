"""The traffic of ``make sla-1``: the flowers of the Iris data, one by one, in batches and as tensors."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from iris_api.domain.flower import FEATURES
from iris_api.settings import IrisSettings
from iris_api.training.golden import read_golden
from servekit.oip import rest
from servekit.oip.tensors import Inference, Tensor
from workbench.sla import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["IrisScenario"]

_BODIES = 64
_BATCH = (10, 100)
_TOLERANCE = 1e-5


class IrisScenario:
    """Kinds ``single``, ``batch`` (10 to 100 flowers) and ``oip`` (the same as JSON tensors).

    Flowers are drawn evenly, so the traffic looks like the training data and drift stays quiet. Every body is encoded
    here, before the load; the oracle is scikit-learn's own answer for each flower.
    """

    def __init__(self) -> None:
        self._golden = read_golden(IrisSettings().model_dir)
        random = Random(150)  # noqa: S311 - the same bodies in every run and in every load process
        self._requests: dict[str, list[Request]] = {
            "single": [self._named(np.array([row])) for row in range(len(self._golden.labels))],
            "batch": [self._named(self._draw(random)) for _ in range(_BODIES)],
            "oip": [self._tensor(self._draw(random)) for _ in range(_BODIES)],
        }

    def request(self, kind: str, random: Random) -> Request:
        """A request of that kind, drawn from the prepared ones."""
        prepared = self._requests[kind]
        return prepared[random.randrange(len(prepared))]

    def check(self, request: Request, answer: bytes) -> str | None:
        """None when labels and probabilities match scikit-learn's, else how they differ."""
        read: Callable[[bytes], tuple[Any, Any]] = _tensors if request.path.startswith("/v2") else _predictions
        labels, probabilities = read(answer)
        if not np.array_equal(labels, self._golden.labels[request.oracle]):
            return f"labels {list(labels)}, scikit-learn says {self._golden.labels[request.oracle].tolist()}"
        off = float(np.abs(probabilities - self._golden.probabilities[request.oracle]).max())
        return f"probabilities are off by {off:.2g}, expected at most {_TOLERANCE:g}" if off > _TOLERANCE else None

    def _draw(self, random: Random) -> NDArray[np.int64]:
        flowers = range(len(self._golden.labels))
        return np.array(random.choices(flowers, k=random.randint(*_BATCH)))

    def _named(self, rows: NDArray[np.int64]) -> Request:
        flowers = [dict(zip(FEATURES, row, strict=True)) for row in self._golden.features[rows].tolist()]
        body = msgspec.json.encode(flowers if len(flowers) > 1 else flowers[0])
        return Request("/v1/predict", body, oracle=rows)

    def _tensor(self, rows: NDArray[np.int64]) -> Request:
        features = Tensor("features", "FP32", self._golden.features[rows].astype(np.float32))
        body, _ = rest.encode_request(Inference((features,)))
        return Request("/v2/models/iris/infer", body, oracle=rows)


def _predictions(answer: bytes) -> tuple[Any, Any]:
    predictions = msgspec.json.decode(answer)["predictions"]
    return [each["label"] for each in predictions], np.array([each["probabilities"] for each in predictions])


def _tensors(answer: bytes) -> tuple[Any, Any]:
    tensors = {tensor.name: tensor.data for tensor in rest.decode_response(answer).outputs}
    return tensors["label"], tensors["probabilities"]
