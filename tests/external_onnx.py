"""ONNX graphs that take a weight from a file: what no artefact may hold."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto, helper

__all__ = ["external_model", "external_weight", "model_of"]


def external_weight(location: str) -> TensorProto:
    """A tensor (4,) whose values lie in that file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def model_of(nodes: list[Any], weights: list[TensorProto]) -> Any:
    """A graph from x (4,) to y (4,)."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def external_model(location: str) -> bytes:
    """x + w, with w in that file."""
    model = model_of([helper.make_node("Add", ["x", "w"], ["y"])], [external_weight(location)])
    return bytes(model.SerializeToString())
