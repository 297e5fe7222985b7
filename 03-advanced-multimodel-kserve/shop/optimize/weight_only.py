"""Weight-only INT8: weights in blocks of 8-bit integers, activations quantised on the way, row by row.

ONNX Runtime's ``MatMulNBits`` reads a quarter of the bytes that a float product reads, which is what one row at a time
costs: at batch 1 a layer is as fast as its weights arrive from the cache. With many rows the weights are reused and the
float product wins, so this form is for models that are asked about one row.

The ranges of activations are found at run time from the row itself (never from its neighbours in the batch, as
DynamicQuantizeLinear would), so calibration has no part in it. Two kinds of layers keep their floats: small ones, since
the operator's call costs more than they do, and the first, since it takes raw columns, whose scales differ, while a row
has one step for a whole block of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shop.models.onnx_graph import MICROSOFT, Writer
from shop.optimize.layers import Layer, read_perceptron

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LARGE", "weight_only_int8"]

LARGE = 4_096
"""Weights from which on a layer is worth the operator's overhead."""

_BLOCK = 128
_SMALLEST_BLOCK = 16
_MIDDLE = 128  # the integers are stored unsigned
_COMPUTE_IN_INT8 = 4  # the operator's accuracy_level


def weight_only_int8(content: bytes, large: int = LARGE) -> bytes:
    """The perceptron with its large layers' weights in INT8.

    Raises:
        GraphError: the graph is not a perceptron's.
    """
    perceptron = read_perceptron(content)
    writer = Writer()
    tensor = perceptron.input
    for number, layer in enumerate(perceptron.layers):
        block = _block(len(layer.weight))
        if number and layer.weight.size >= large and block:
            tensor = _write_quantised(writer, tensor, number, layer, block)
        else:
            weight = writer.constant(f"weight_{number}", layer.weight)
            tensor = writer.add("Gemm", tensor, weight, writer.constant(f"bias_{number}", layer.bias))
        tensor = writer.add("Relu", tensor) if layer.relu else tensor
    writer.add("Identity", tensor, output=perceptron.tail_input)
    graph = perceptron.model.graph
    return writer.model(graph.name, graph.input, graph.output, (perceptron.tail, graph))


def _block(inputs: int) -> int:
    """The largest block, a power of 2, that divides the inputs; 0 where there is none."""
    block = min(_BLOCK, inputs & -inputs)
    return block if block >= _SMALLEST_BLOCK else 0


def _write_quantised(writer: Writer, tensor: str, number: int, layer: Layer, block: int) -> str:
    inputs, outputs = layer.weight.shape
    integers, steps = _blocks(layer.weight, block)
    names = (
        writer.constant(f"weight_{number}", integers),
        writer.constant(f"weight_{number}_steps", steps),
    )
    bias = writer.constant(f"bias_{number}", layer.bias)
    return writer.add(
        "MatMulNBits",
        *[tensor, *names, "", "", bias],  # no zero points, no reordering
        domain=MICROSOFT,
        K=inputs,
        N=outputs,
        bits=8,
        block_size=block,
        accuracy_level=_COMPUTE_IN_INT8,
    )


def _blocks(weight: NDArray[np.float32], block: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(outputs, blocks, block) integers and (outputs · blocks,) steps, as the operator specifies."""
    blocks = weight.T.reshape(weight.shape[1], -1, block)
    steps = np.abs(blocks).max(axis=2) / (_MIDDLE - 1)
    steps = np.where(steps > 0, steps, 1).astype(np.float32)
    integers = np.rint(blocks / steps[..., None]) + _MIDDLE
    return integers.astype(np.uint8), steps.reshape(-1)
