"""Both models as ONNX graphs with one signature: ``features`` (n, items) in, ``scores`` (n, items) out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from onnx import NodeProto

    from recommender.training.als import ItemFactors

__all__ = ["als_onnx", "ease_onnx"]

_OPSET = 17
_IR_VERSION = 8  # what every ONNX Runtime since 2022 reads
_STEPS = 12  # of conjugate gradient; enough for the largest history there is, as a test holds


def ease_onnx(weights: NDArray[np.float64]) -> bytes:
    """The ONNX graph of EASE, one matrix product with ``weights`` (items, items)."""
    nodes = [helper.make_node("MatMul", ["features", "weights"], ["scores"])]
    return _graph("ease", nodes, {"weights": weights}, len(weights))


def als_onnx(model: ItemFactors) -> bytes:
    """The ONNX graph of implicit ALS, which solves the user's least-squares problem by conjugate gradient.

    ONNX cannot solve linear systems; a fixed number of gradient steps needs only matrix products, and never forms the
    system (Takács, Pilászy, Tikk, *Applications of the Conjugate Gradient Method for Implicit Feedback*, 2011).
    """
    factors = model.factors
    constants = {
        "factors": factors,
        "factors_t": np.ascontiguousarray(factors.T),
        "gram": factors.T @ factors + model.ridge * np.eye(factors.shape[1]),
        "confidence": np.array(float(model.confidence)),
        "zero": np.array(0.0),
        "tiny": np.array(1e-12),
        "last": np.array([-1]),
    }
    steps = _GraphBuilder()
    watched = steps.add("Relu", "features")
    extra = steps.add("Mul", watched, "confidence")
    one = steps.cast(steps.add("Greater", "features", "zero"))
    user = _solve(steps, extra, steps.add("MatMul", steps.add("Add", extra, one), "factors"))
    steps.add("MatMul", user, "factors_t", output="scores")
    return _graph("als", steps.nodes, constants, len(factors))


class _GraphBuilder:
    """Collects the nodes of a graph in order, and names their outputs."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def cast(self, value: str) -> str:
        return self.add("Cast", value, to=TensorProto.FLOAT)

    def dot(self, left: str, right: str) -> str:
        """(n, 1): the product of each row with its like."""
        return self.add("ReduceSum", self.add("Mul", left, right), "last", keepdims=1)

    def ratio(self, above: str, below: str) -> str:
        """Of two squares; 0 where both have vanished, because the row is solved."""
        return self.add("Div", above, self.add("Max", below, "tiny"))


def _solve(steps: _GraphBuilder, extra: str, target: str) -> str:
    """Solves (gram + factors' · extra · factors) user = target for each row, from user = 0."""
    user, residual, direction = "", target, target
    energy = steps.dot(residual, residual)
    for _ in range(_STEPS):
        weighted = steps.add("Mul", steps.add("MatMul", direction, "factors_t"), extra)
        product = steps.add("Add", steps.add("MatMul", direction, "gram"), steps.add("MatMul", weighted, "factors"))
        pace = steps.ratio(energy, steps.dot(direction, product))
        stride = steps.add("Mul", pace, direction)
        user = steps.add("Add", user, stride) if user else stride
        residual = steps.add("Sub", residual, steps.add("Mul", pace, product))
        energy, before = steps.dot(residual, residual), energy
        direction = steps.add("Add", residual, steps.add("Mul", steps.ratio(energy, before), direction))
    return user


def _graph(name: str, nodes: list[NodeProto], constants: Mapping[str, NDArray[Any]], items: int) -> bytes:
    initializers = [
        numpy_helper.from_array(value.astype(np.float32) if value.dtype == np.float64 else value, key)
        for key, value in constants.items()
    ]
    shape: list[str | int | None] = ["n", items]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape)],
        initializers,
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="recommender")
    checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
