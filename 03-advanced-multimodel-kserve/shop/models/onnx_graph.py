"""ONNX graphs of the three models: opset 17 and IR 8, which Triton 2.51 and TensorRT 8 still read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from onnx import NodeProto

    from shop.models.mlp import Mlp

__all__ = ["FLOAT", "INT32", "graph", "mlp_nodes"]

FLOAT, INT32 = TensorProto.FLOAT, TensorProto.INT32
_OPSET, _IR_VERSION = 17, 8

Tensor = tuple[str, int, list[int]]
"""Name, type, and the shape after the first dimension, which is any ``n``."""


def graph(
    name: str,
    nodes: Sequence[NodeProto],
    constants: Mapping[str, NDArray[Any]],
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> bytes:
    """A checked model; the same arguments give the same bytes."""

    def described(tensors: Sequence[Tensor]) -> list[Any]:
        return [helper.make_tensor_value_info(each, kind, ["n", *shape]) for each, kind, shape in tensors]

    initializers = [numpy_helper.from_array(np.ascontiguousarray(value), key) for key, value in constants.items()]
    content = helper.make_graph(list(nodes), name, described(inputs), described(outputs), initializers)
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(content, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="shop")
    checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def mlp_nodes(mlp: Mlp, into: str, out: str) -> tuple[list[NodeProto], dict[str, NDArray[Any]]]:
    """Nodes and constants of a network from ``into`` (n, width) to ``out`` (n,)."""
    nodes: list[NodeProto] = []
    constants: dict[str, NDArray[Any]] = {}
    hidden = into
    for position, layer in enumerate(mlp.layers, 1):
        weights, bias, output = f"weights_{position}", f"bias_{position}", f"layer_{position}"
        constants |= {weights: layer.weights, bias: layer.bias}
        nodes.append(helper.make_node("Gemm", [hidden, weights, bias], [output], name=output))
        hidden = output
        if position < len(mlp.layers):
            hidden = f"relu_{position}"
            nodes.append(helper.make_node("Relu", [output], [hidden], name=hidden))
    constants["flat"] = np.array([-1], np.int64)
    nodes.append(helper.make_node("Reshape", [hidden, "flat"], [out], name=out))
    return nodes, constants
