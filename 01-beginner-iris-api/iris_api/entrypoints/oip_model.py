"""The iris model as the Open Inference Protocol sees it: tensors in and tensors out, over REST and gRPC alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iris_api.domain.flower import FEATURES
from servekit.errors import InvalidValueError, UnknownModelError
from servekit.oip.rest import ModelMetadata, ServerMetadata
from servekit.oip.tensors import Inference, InferenceResult, Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from iris_api.adapters.artefact import ModelCard
    from iris_api.adapters.model_monitor import ModelMonitor
    from iris_api.service.predictor import Predictor
    from servekit.telemetry import RequestRecord

__all__ = ["SERVER", "OipModel"]

SERVER = ServerMetadata("iris-api", "0.1.0", ["binary_tensor_data"])


class OipModel:
    """Checks requests against the model's signature and runs them."""

    def __init__(self, predictor: Predictor, monitor: ModelMonitor, card: ModelCard) -> None:
        self._predictor = predictor
        self._monitor = monitor
        self._input = card.inputs[0]
        self._outputs = {tensor.name: tensor.datatype for tensor in card.outputs}
        self.metadata = ModelMetadata(card.name, [card.version], "onnxruntime_onnx", card.inputs, card.outputs)

    def check_known(self, model: str, version: str) -> None:
        """Raises `UnknownModelError` unless that model and version are served; an empty version stands for any."""
        if model != self.metadata.name:
            raise UnknownModelError("model", model, f"unknown: this server has {self.metadata.name}")
        if version and version not in self.metadata.versions:
            expectation = f"unknown: {model} has {', '.join(self.metadata.versions)}"
            raise UnknownModelError("version", version, expectation)

    async def infer(self, request: Inference, record: RequestRecord) -> InferenceResult:
        """The answer to an inference request.

        Raises:
            InvalidValueError: a name, a datatype, a shape or a value does not fit the model's signature.
        """
        wanted = request.outputs or tuple(self._outputs)
        for name in wanted:
            if name not in self._outputs:
                raise InvalidValueError("output", name, f"unknown: the model has {', '.join(self._outputs)}")
        rows = self._rows(request)
        labels, probabilities = await self._predictor.predict(rows)
        record.mark("infer")
        self._monitor.observe(record, rows, labels, probabilities)
        data: dict[str, NDArray[Any]] = {"label": labels, "probabilities": probabilities}
        tensors = tuple(Tensor(name, self._outputs[name], data[name]) for name in wanted)
        return InferenceResult(self.metadata.name, self.metadata.versions[0], tensors)

    def _rows(self, request: Inference) -> NDArray[np.float32]:
        expected = self._input
        if len(request.inputs) != 1:
            raise InvalidValueError("inputs", f"{len(request.inputs)} tensors", f"expected one, {expected.name}")
        tensor = request.inputs[0]
        if tensor.name != expected.name:
            raise InvalidValueError("input", tensor.name, f"unknown: expected {expected.name}")
        if tensor.datatype != expected.datatype:
            raise InvalidValueError(f"input {tensor.name} datatype", tensor.datatype, f"expected {expected.datatype}")
        shape = tensor.data.shape
        if len(shape) != len(expected.shape) or shape[1] != len(FEATURES):
            raise InvalidValueError(f"input {tensor.name} shape", list(shape), f"expected {expected.shape}")
        return tensor.data
