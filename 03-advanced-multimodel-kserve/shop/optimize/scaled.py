"""The perceptron with its first layer's input brought to one scale, in FP32 or FP16.

Training folds the scaling of the features into the first layer's weights, so raw columns enter the graph: a logarithm
of a price beside a rate. One quantisation step for all of them would be the widest column's, and the narrow ones would
vanish in it; the widest ones would not fit into 16 bits at all. So the scaling is taken out of the weights again: the
product stays the same, ``x W + b`` with ``x = (x f + s - s) / f``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from shop.models.onnx_graph import FLOAT, Writer
from shop.optimize.calibration_set import checked, column_scaling
from shop.optimize.layers import read_perceptron

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.optimize.calibration_set import Scaling
    from shop.optimize.layers import Layer

__all__ = ["half_precision", "scaled"]


def scaled(
    content: bytes, calibration: NDArray[np.float32], precision: type[np.float32 | np.float16] = np.float32
) -> bytes:
    """The perceptron, its layers in this precision; inputs, outputs and the scaling of the input stay FP32.

    Raises:
        CalibrationError: the calibration set cannot be right.
        GraphError: the graph is not a perceptron's.
    """
    perceptron = read_perceptron(content)
    first, *rest = perceptron.layers
    scaling = column_scaling(checked(calibration, len(first.weight)))
    writer = Writer()
    factor, shift = writer.constant("input_factor", scaling.factor), writer.constant("input_shift", scaling.shift)
    tensor = writer.add("Add", writer.add("Mul", perceptron.input, factor), shift)
    tensor = writer.add("Cast", tensor, to=helper.np_dtype_to_tensor_dtype(np.dtype(precision)))
    for number, layer in enumerate((_unscaled(first, scaling), *rest)):
        weight = writer.constant(f"weight_{number}", layer.weight.astype(precision))
        tensor = writer.add("Gemm", tensor, weight, writer.constant(f"bias_{number}", layer.bias.astype(precision)))
        tensor = writer.add("Relu", tensor) if layer.relu else tensor
    writer.add("Cast", tensor, to=FLOAT, output=perceptron.tail_input)
    graph = perceptron.model.graph
    return writer.model(graph.name, graph.input, graph.output, (perceptron.tail, graph))


def half_precision(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """FP16, for TensorRT 11: it has no switch for it any more, so it is written into the graph; raises as `scaled`."""
    return scaled(content, calibration, np.float16)


def _unscaled(first: Layer, scaling: Scaling) -> Layer:
    """The same function of scaled columns: it expects ``x * factor + shift``."""
    weight = (first.weight / scaling.factor[:, None]).astype(np.float32)
    bias = (first.bias - scaling.shift.astype(np.float64) @ weight.astype(np.float64)).astype(np.float32)
    return replace(first, weight=weight, bias=bias)
