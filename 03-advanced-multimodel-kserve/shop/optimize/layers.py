"""A multi-layer perceptron read out of its ONNX graph, so that each form of it can be written anew.

What is read is the chain that starts at the graph's input: products with a constant matrix, each with its bias and its
ReLU. Whatever follows the last of them (a sigmoid, a reshape) is the tail, and stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["GraphError", "Layer", "Perceptron", "read_perceptron"]


class GraphError(ValueError):
    """A graph that is not what a form can be made of."""


@dataclass(frozen=True)
class Layer:
    """``relu(x @ weight + bias)``, without the ReLU where ``relu`` is False; weight (inputs, outputs), float32."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    relu: bool = False


@dataclass(frozen=True)
class Perceptron:
    """The layers, and the model they were read from.

    Attributes:
        model: the graph as it was.
        layers: in order; at least one.
        tail: the nodes after the last layer, which read `tail_input`.
        tail_input: the tensor in which the last layer's result is expected.
    """

    model: ModelProto
    layers: tuple[Layer, ...]
    tail: tuple[NodeProto, ...]
    tail_input: str

    @property
    def input(self) -> str:
        """The name of the graph's input."""
        name: str = self.model.graph.input[0].name
        return name


def read_perceptron(content: bytes) -> Perceptron:
    """The layers of a graph.

    Raises:
        GraphError: it does not begin with a matrix product, or a tensor of the chain is used twice.
    """
    model = onnx.load_from_string(content)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    layers: list[Layer] = []
    tensor, taken = model.graph.input[0].name, 0
    for node in model.graph.node:
        if tensor not in node.input or not _extend(layers, node, tensor, constants):
            break
        tensor, taken = node.output[0], taken + 1
    tail = tuple(model.graph.node)[taken:]
    if not layers:
        found = ", ".join(node.op_type for node in model.graph.node)
        raise GraphError(f"graph {model.graph.name!r} of {found}: expected to begin with Gemm or MatMul")
    return Perceptron(model, tuple(layers), tail, tensor)


def _extend(layers: list[Layer], node: NodeProto, tensor: str, constants: Mapping[str, NDArray[np.float32]]) -> bool:
    """Takes the node into the layers, if it belongs there."""
    others = [constants[name] for name in node.input if name in constants]
    if len(others) != len(node.input) - 1:
        return False
    if node.op_type in {"Gemm", "MatMul"} and node.input[0] == tensor and others[0].ndim == 2:  # noqa: PLR2004 - a matrix
        return _product(layers, node, others)
    if not layers or layers[-1].relu:
        return False
    if node.op_type == "Add" and others[0].shape in {(len(layers[-1].bias),), (1, len(layers[-1].bias))}:
        layers[-1] = replace(layers[-1], bias=layers[-1].bias + others[0].reshape(-1))
        return True
    if node.op_type == "Relu":
        layers[-1] = replace(layers[-1], relu=True)
        return True
    return False


def _product(layers: list[Layer], node: NodeProto, constants: list[NDArray[np.float32]]) -> bool:
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if attributes.get("transA") or {attributes.get("alpha", 1.0), attributes.get("beta", 1.0)} != {1.0}:
        return False
    weight = constants[0].T if attributes.get("transB") else constants[0]
    bias = constants[1].reshape(-1) if len(constants) > 1 else np.zeros(weight.shape[1], np.float32)
    layers.append(Layer(np.ascontiguousarray(weight), bias))
    return True
