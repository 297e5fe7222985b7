"""Static INT8: quantise and dequantise nodes (Q/DQ) around each matrix product, with ranges fixed beforehand.

A runtime that knows the pattern ``DQ → Gemm → Q`` computes in integers throughout; one that does not computes the same
numbers in floats. CPU and GPU want different patterns, so there are two exports:

============  ==================================  ============================================
..            CPU (ONNX Runtime, OpenVINO)        TensorRT
============  ==================================  ============================================
activations   uint8, asymmetric, one scale        int8, symmetric (zero point 0), one scale
weights       int8, a scale for each output       int8, a scale for each output
bias          int32, in the product's own scale   float32
============  ==================================  ============================================

All 8 bits of the weights are used: on AVX512-VNNI and on GPUs sums of products do not saturate. The last layer's result
is never quantised: 256 different scores would tie candidates that differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.models.onnx_graph import Writer
from shop.optimize.calibration_set import checked, column_scaling
from shop.optimize.layers import Layer, Perceptron, read_perceptron
from shop.optimize.scaled import scaled, write_scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cpu_int8", "tensorrt_int8", "weight_steps"]

_STEPS = 127
_NONE = np.float32(0)
_LARGEST_BIAS = 2.0**30


def cpu_int8(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """The perceptron in INT8 for CPUs.

    Raises:
        CalibrationError: the calibration set cannot be right.
        GraphError: the graph is not a perceptron's.
    """
    return _quantised(content, calibration, symmetric=False)


def tensorrt_int8(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """The perceptron in INT8 for TensorRT; raises as `cpu_int8`."""
    return _quantised(content, calibration, symmetric=True)


def weight_steps(
    weight: NDArray[np.float32], smallest: NDArray[np.floating] | np.floating = _NONE
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(inputs, outputs) in steps from -127 to 127, and the size of a step for each output, at least ``smallest``."""
    step = np.maximum(np.abs(weight).max(axis=0) / _STEPS, smallest)
    step = np.where(step > 0, step, 1).astype(np.float32)
    return np.rint(weight / step).astype(np.int8), step


@dataclass(frozen=True)
class _Range:
    """How an activation becomes an 8-bit integer."""

    step: np.float32
    zero: np.uint8 | np.int8

    @classmethod
    def of(cls, values: NDArray[np.float32], *, symmetric: bool) -> _Range:
        if symmetric:
            return cls(np.float32(np.abs(values).max() / _STEPS or 1), np.int8(0))
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        step = np.float32((high - low) / 255 or 1)
        return cls(step, np.uint8(np.rint(-low / step)))


def _quantised(content: bytes, calibration: NDArray[np.float32], *, symmetric: bool) -> bytes:
    perceptron = read_perceptron(content)
    rows = checked(calibration, len(perceptron.layers[0].weight))
    scaling = column_scaling(rows)
    perceptron = scaled(perceptron, scaling)
    entering = perceptron.activations(rows * scaling.factor + scaling.shift)
    writer = Writer()
    tensor = write_scaling(writer, perceptron.input, scaling)
    for number, (layer, values) in enumerate(zip(perceptron.layers, entering, strict=True)):
        tensor = _write_layer(writer, tensor, number, layer, _Range.of(values, symmetric=symmetric))
    return _finish(writer, perceptron, tensor)


def _write_layer(writer: Writer, tensor: str, number: int, layer: Layer, entering: _Range) -> str:
    scale = writer.constant(f"step_{number}", entering.step)
    zero = writer.constant(f"zero_{number}", entering.zero)
    quantised = writer.add("QuantizeLinear", tensor, scale, zero)
    activation = writer.add("DequantizeLinear", quantised, scale, zero)
    # no step so small that the bias, in steps of the product, leaves int32
    integers, steps = weight_steps(layer.weight, np.abs(layer.bias) / (entering.step * _LARGEST_BIAS))
    weight = _dequantised(writer, f"weight_{number}", integers, steps)
    if entering.zero.dtype == np.int8:
        bias = writer.constant(f"bias_{number}", layer.bias)
    else:
        product = (steps.astype(np.float64) * float(entering.step)).astype(np.float32)
        bias = _dequantised(writer, f"bias_{number}", np.rint(layer.bias / product).astype(np.int32), product)
    result = writer.add("Gemm", activation, weight, bias)
    return writer.add("Relu", result) if layer.relu else result


def _dequantised(writer: Writer, name: str, integers: NDArray[np.signedinteger], steps: NDArray[np.float32]) -> str:
    """A constant kept in integers, with a step for each output."""
    inputs = (
        writer.constant(name, integers),
        writer.constant(f"{name}_steps", steps),
        writer.constant(f"{name}_zeros", np.zeros(len(steps), integers.dtype)),
    )
    return writer.add("DequantizeLinear", *inputs, axis=integers.ndim - 1)


def _finish(writer: Writer, perceptron: Perceptron, tensor: str) -> bytes:
    graph = perceptron.model.graph
    writer.add("Identity", tensor, output=perceptron.tail_input)
    return writer.model(graph.name, graph.input, graph.output, (perceptron.tail, graph))
