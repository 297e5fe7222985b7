"""The graph that serves recommendations: one matrix product and an exact top-k, over all items or a shard of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, load_from_string, numpy_helper

from shop.models.onnx_graph import FLOAT, INT32, graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TOP", "item_matrix", "personalisation_onnx"]

TOP = 100
"""Items in an answer; all of them where there are fewer."""


def personalisation_onnx(items: NDArray[np.float32], first: int = 0) -> bytes:
    """``user`` (n, width) in; ``items`` (n, k) and ``scores`` (n, k) out, best first, of equal ones the smaller id.

    Args:
        items: (m, width): the embeddings of the items whose ids begin at ``first``.
        first: 0, or where this shard begins.
    """
    k = min(TOP, len(items))
    constants: dict[str, NDArray[Any]] = {
        "items_t": np.ascontiguousarray(items.T.astype(np.float32)),
        "k": np.array([k], np.int64),
        "first": np.array(first, np.int32),
    }
    nodes = [
        helper.make_node("MatMul", ["user", "items_t"], ["all_scores"], name="match"),
        helper.make_node("TopK", ["all_scores", "k"], ["scores", "places"], name="best", axis=1, largest=1, sorted=1),
        helper.make_node("Cast", ["places"], ["places_32"], name="narrow", to=TensorProto.INT32),
        helper.make_node("Add", ["places_32", "first"], ["items"], name="ids"),
    ]
    outputs = [("items", INT32, [k]), ("scores", FLOAT, [k])]
    return graph("personalisation", nodes, constants, [("user", FLOAT, [items.shape[1]])], outputs)


def item_matrix(onnx: bytes) -> NDArray[np.float32]:
    """(items, width): the embeddings inside a graph made by ``personalisation_onnx``."""
    model = load_from_string(onnx)
    (transposed,) = (each for each in model.graph.initializer if each.name == "items_t")
    return np.ascontiguousarray(numpy_helper.to_array(transposed).T)
