"""Exact top-k over a catalogue, its item matrix in INT8.

The product of a user with every item costs what reading the matrix costs: a quarter of it in INT8. The errors decide
only who is just inside the list or just outside, so there are two forms:

- *scores*: the integers' scores are the answer. The smallest form.
- *re-ranking*: the integers choose more candidates than are wanted, and the few of them are scored again in float32.
  The float matrix stays in the model for that, but only those rows of it are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from shop.models.onnx_graph import Writer
from shop.optimize.calibration_set import checked
from shop.optimize.layers import GraphError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto

__all__ = ["CANDIDATES", "int8_reranked", "int8_scores", "tensorrt_scores", "weight_steps"]

CANDIDATES = 2
"""How many candidates re-ranking chooses, in lengths of the list."""

_STEPS = 127
_NONE = np.float32(0)


@dataclass(frozen=True)
class _Catalogue:
    """What a top-k graph holds.

    Attributes:
        graph: for the names of its tensors.
        matrix: (embedding, items).
        length: of the list.
        first: the id of the first item; not 0 in a shard.
    """

    graph: GraphProto
    matrix: NDArray[np.float32]
    length: int
    first: int


def int8_scores(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """Top-k by INT8 scores; a scale for each item.

    Raises:
        CalibrationError: the calibration set cannot be right.
        GraphError: the graph is not MatMul and TopK over a constant matrix.
    """
    catalogue = _read(content)
    writer = Writer()
    step = _user_step(calibration, catalogue)
    integers, steps = weight_steps(catalogue.matrix)
    sums = writer.add("Cast", _sums(writer, catalogue, integers, step), to=TensorProto.FLOAT)
    scores = writer.add("Mul", sums, writer.constant("item_steps", steps * step))
    _top(writer, catalogue, scores)
    return _model(writer, catalogue)


def int8_reranked(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """The best by INT8 sums, one scale for all items, scored again in float32; raises as `int8_scores`."""
    catalogue = _read(content)
    items = catalogue.matrix.shape[1]
    writer = Writer()
    integers, _ = weight_steps(catalogue.matrix, np.abs(catalogue.matrix).max() / _STEPS)
    sums = _sums(writer, catalogue, integers, _user_step(calibration, catalogue))
    wanted = writer.constant("candidates", np.array([min(CANDIDATES * catalogue.length, items)]))
    writer.add("TopK", sums, wanted, output=("candidate_sums", "candidates_found"), sorted=0)
    matrix = writer.constant("item_matrix", np.ascontiguousarray(catalogue.matrix.T))
    rows = writer.add("Gather", matrix, "candidates_found")
    axis = writer.constant("last_axis", np.array([2]))
    column = writer.add("Unsqueeze", catalogue.graph.input[0].name, axis)
    exact = writer.add("Squeeze", writer.add("MatMul", rows, column), axis)
    _top(writer, catalogue, exact, among="candidates_found")
    return _model(writer, catalogue)


def tensorrt_scores(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """Top-k by INT8 scores for TensorRT: Q/DQ around the product, symmetric; raises as `int8_scores`."""
    catalogue = _read(content)
    writer = Writer()
    integers, steps = weight_steps(catalogue.matrix)
    step, zero = writer.constant("user_step", _user_step(calibration, catalogue)), writer.constant("zero", np.int8(0))
    user = writer.add("QuantizeLinear", catalogue.graph.input[0].name, step, zero)
    user = writer.add("DequantizeLinear", user, step, zero)
    matrix = writer.add(
        "DequantizeLinear",
        writer.constant("item_matrix", integers),
        writer.constant("item_steps", steps),
        writer.constant("item_zeros", np.zeros(len(steps), np.int8)),
        axis=1,
    )
    _top(writer, catalogue, writer.add("MatMul", user, matrix))
    return _model(writer, catalogue)


def weight_steps(
    matrix: NDArray[np.float32], smallest: np.floating = _NONE
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(embedding, items) in steps from -127 to 127, and the size of a step for each item, at least ``smallest``."""
    step = np.maximum(np.abs(matrix).max(axis=0) / _STEPS, smallest)
    step = np.where(step > 0, step, 1).astype(np.float32)
    return np.rint(matrix / step).astype(np.int8), step


def _read(content: bytes) -> _Catalogue:
    model = onnx.load_from_string(content)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    nodes = {node.op_type: node for node in model.graph.node}
    matrix = constants.get(nodes["MatMul"].input[1]) if "MatMul" in nodes else None
    length = constants.get(nodes["TopK"].input[1]) if "TopK" in nodes else None
    if matrix is None or length is None or nodes.keys() - {"MatMul", "TopK", "Cast", "Add"}:
        found = ", ".join(node.op_type for node in model.graph.node)
        raise GraphError(f"graph {model.graph.name!r} of {found}: expected MatMul and TopK over a constant matrix")
    first = (
        next((int(constants[name].reshape(-1)[0]) for name in nodes["Add"].input if name in constants), 0)
        if "Add" in nodes
        else 0
    )
    return _Catalogue(model.graph, matrix, int(length.reshape(-1)[0]), first)


def _user_step(calibration: NDArray[np.float32], catalogue: _Catalogue) -> np.float32:
    users = checked(calibration, len(catalogue.matrix))
    return np.float32(np.abs(users).max() / _STEPS)


def _sums(writer: Writer, catalogue: _Catalogue, integers: NDArray[np.int8], step: np.float32) -> str:
    """Sums of products of integers, (n, items), int32."""
    zero = writer.constant("user_zero", np.uint8(128))
    user = writer.add("QuantizeLinear", catalogue.graph.input[0].name, writer.constant("user_step", step), zero)
    return writer.add("MatMulInteger", user, writer.constant("item_integers", integers), zero)


def _top(writer: Writer, catalogue: _Catalogue, scores: str, among: str | None = None) -> None:
    """The best of the scores into the graph's outputs; `among` are the items that were scored, if not all."""
    items, best = (each.name for each in catalogue.graph.output)
    length = writer.constant("length", np.array([catalogue.length]))
    writer.add("TopK", scores, length, output=(best, "places"))
    found = writer.add("GatherElements", among, "places", axis=1) if among else "places"
    narrow = writer.add("Cast", found, to=TensorProto.INT32)
    writer.add("Add", narrow, writer.constant("first", np.int32(catalogue.first)), output=items)


def _model(writer: Writer, catalogue: _Catalogue) -> bytes:
    graph = catalogue.graph
    return writer.model(graph.name, graph.input, graph.output)
