"""The model in ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime

from iris_api.adapters.artefact import ArtefactError, ModelCard, read_artefact

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OnnxModel"]

_DATATYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}
"""ONNX Runtime's names of types as the Open Inference Protocol's."""


class OnnxModel:
    """A classifier run by ONNX Runtime on one thread.

    One thread because the model is tiny, and because the runtime would otherwise size its pool from the host's cores
    whatever the container is granted.

    Raises:
        ArtefactError: the artefact is missing or damaged, or ONNX Runtime cannot load it.
    """

    def __init__(self, folder: Path) -> None:
        onnx, self.card = read_artefact(folder)
        self.name, self.version, self.sha256 = self.card.name, self.card.version, self.card.sha256
        self._run = _session(onnx, self.card, folder).run
        self._input = self.card.inputs[0].name
        self._outputs = [output.name for output in self.card.outputs]

    def run(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Labels (n,) and probabilities (n, 3) of rows (n, 4), in cm."""
        labels, probabilities = self._run(self._outputs, {self._input: rows})
        return labels, probabilities


def _session(onnx: bytes, card: ModelCard, folder: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    try:
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises a dozen unrelated types
        raise ArtefactError(f"{folder / 'model.onnx'}: ONNX Runtime refuses it: {error}") from None
    declared = [f"{tensor.name} {tensor.datatype} {tensor.shape}" for tensor in (*card.inputs, *card.outputs)]
    actual = [_signature(tensor) for tensor in (*session.get_inputs(), *session.get_outputs())]
    if declared != actual:
        raise ArtefactError(
            f"{folder / 'model.json'} tensors {', '.join(declared)}: model.onnx has {', '.join(actual)}"
        )
    return session


def _signature(tensor: onnxruntime.NodeArg) -> str:
    shape = [size if isinstance(size, int) else -1 for size in tensor.shape]
    return f"{tensor.name} {_DATATYPES.get(tensor.type, tensor.type)} {shape}"
