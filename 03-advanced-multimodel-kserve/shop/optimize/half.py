"""FP16, for TensorRT 11: it has no switch for it any more, so the precision is written into the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from shop.models.onnx_graph import Writer
from shop.optimize.calibration_set import checked, column_scaling
from shop.optimize.layers import read_perceptron
from shop.optimize.scaled import scaled, write_scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["half_precision"]


def half_precision(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """The perceptron with its layers in FP16; inputs, outputs and the scaling of the input stay FP32.

    Raises:
        CalibrationError: the calibration set cannot be right.
        GraphError: the graph is not a perceptron's.
    """
    perceptron = read_perceptron(content)
    scaling = column_scaling(checked(calibration, len(perceptron.layers[0].weight)))
    writer = Writer()
    tensor = writer.add("Cast", write_scaling(writer, perceptron.input, scaling), to=TensorProto.FLOAT16)
    for number, layer in enumerate(scaled(perceptron, scaling).layers):
        weight = writer.constant(f"weight_{number}", layer.weight.astype(np.float16))
        tensor = writer.add("Gemm", tensor, weight, writer.constant(f"bias_{number}", layer.bias.astype(np.float16)))
        tensor = writer.add("Relu", tensor) if layer.relu else tensor
    writer.add("Cast", tensor, to=TensorProto.FLOAT, output=perceptron.tail_input)
    graph = perceptron.model.graph
    return writer.model(graph.name, graph.input, graph.output, (perceptron.tail, graph))
