"""ONNX graphs of the models and of their INT8 forms: opset 17 and IR 8, which Triton 2.51 and TensorRT 8 still read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

    from shop.models.mlp import Mlp

__all__ = ["FLOAT", "INT32", "MICROSOFT", "Writer", "add_mlp", "tensor"]

FLOAT, INT32 = TensorProto.FLOAT, TensorProto.INT32
MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""

_OPSET, _IR_VERSION = 17, 8


def tensor(name: str, kind: int, *shape: int) -> ValueInfoProto:
    """An input or output of this type; ``shape`` follows the first dimension, which is any ``n``."""
    return helper.make_tensor_value_info(name, kind, ["n", *shape])


class Writer:
    """Collects the nodes of a graph in order, and the constants that they read."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """A constant; its name, for the nodes that read it."""
        self._constants[name] = np.asarray(value)
        return name

    def add(
        self,
        operator: str,
        *inputs: str,
        output: str | tuple[str, ...] = (),
        domain: str | None = None,
        **attributes: Any,
    ) -> str:
        """A node with one output, or those that ``output`` names; the name of the first, which is the node's too."""
        named = (output,) if isinstance(output, str) else output
        outputs = named or (f"{operator}_{len(self._nodes)}",)
        node = helper.make_node(operator, list(inputs), list(outputs), name=outputs[0], domain=domain, **attributes)
        self._nodes.append(node)
        return outputs[0]

    def model(
        self,
        name: str,
        inputs: Sequence[ValueInfoProto],
        outputs: Sequence[ValueInfoProto],
        tail: tuple[Sequence[NodeProto], GraphProto] | None = None,
    ) -> bytes:
        """The checked graph, always the same bytes; ``tail``: nodes to append, and the graph with their constants."""
        nodes = [*self._nodes, *(tail[0] if tail else ())]
        constants = [numpy_helper.from_array(value, key) for key, value in self._constants.items()]
        if tail:
            read = {each for node in tail[0] for each in node.input}
            constants += [each for each in tail[1].initializer if each.name in read]
        return _encode(helper.make_graph(nodes, name, list(inputs), list(outputs), constants))


def _encode(graph: GraphProto) -> bytes:
    domains = {"": _OPSET, **({MICROSOFT: 1} if any(node.domain == MICROSOFT for node in graph.node) else {})}
    opsets = [helper.make_opsetid(*each) for each in domains.items()]
    model: ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="shop")
    checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def add_mlp(writer: Writer, mlp: Mlp, into: str, out: str) -> None:
    """The nodes of a network from ``into`` (n, width) to ``out`` (n,)."""
    hidden = into
    for position, layer in enumerate(mlp.layers, 1):
        weights = writer.constant(f"weights_{position}", layer.weights)
        bias = writer.constant(f"bias_{position}", layer.bias)
        hidden = writer.add("Gemm", hidden, weights, bias, output=f"layer_{position}")
        if position < len(mlp.layers):
            hidden = writer.add("Relu", hidden, output=f"relu_{position}")
    writer.add("Reshape", hidden, writer.constant("flat", np.array([-1], np.int64)), output=out)
