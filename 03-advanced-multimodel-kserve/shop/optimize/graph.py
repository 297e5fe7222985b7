"""Writing ONNX graphs: nodes with names of their own making, constants beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import checker, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

__all__ = ["MICROSOFT", "Writer"]

MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""

_OPSET = 17
_IR_VERSION = 8  # what TensorRT and Triton of these years read


class Writer:
    """Collects the nodes of a graph in order."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """A constant; its name, for the nodes that read it."""
        self._constants[name] = np.asarray(value)
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, domain: str = "", **attributes: Any) -> str:
        """A node; the name of its only output, or of the first."""
        name = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, domain=domain, **attributes))
        return name

    def add_pair(self, operator: str, *inputs: str, outputs: tuple[str, str], **attributes: Any) -> None:
        """A node with two outputs."""
        self._nodes.append(helper.make_node(operator, list(inputs), list(outputs), name=outputs[0], **attributes))

    def model(
        self,
        name: str,
        inputs: Sequence[ValueInfoProto],
        outputs: Sequence[ValueInfoProto],
        tail: tuple[Sequence[NodeProto], GraphProto] | None = None,
    ) -> bytes:
        """The graph in bytes, the same each time; ``tail``: nodes to append, and the graph with their constants."""
        nodes = [*self._nodes, *(tail[0] if tail else ())]
        constants = [numpy_helper.from_array(value, key) for key, value in self._constants.items()]
        if tail:
            read = {each for node in tail[0] for each in node.input}
            constants += [each for each in tail[1].initializer if each.name in read]
        graph = helper.make_graph(nodes, name, list(inputs), list(outputs), constants)
        return _encode(graph)


def _encode(graph: GraphProto) -> bytes:
    domains = {"": _OPSET, **({MICROSOFT: 1} if any(node.domain == MICROSOFT for node in graph.node) else {})}
    opsets = [helper.make_opsetid(*each) for each in domains.items()]
    model: ModelProto = helper.make_model(
        graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="shop.optimize"
    )
    checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
