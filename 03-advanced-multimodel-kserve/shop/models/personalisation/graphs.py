"""The graph that serves recommendations: one matrix product and an exact top-k, over all items or a shard of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import load_from_string, numpy_helper

from shop.models.onnx_graph import FLOAT, INT32, Writer, tensor

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
    writer = Writer()
    matrix = writer.constant("items_t", np.ascontiguousarray(items.T.astype(np.float32)))
    length = writer.constant("k", np.array([k], np.int64))
    all_scores = writer.add("MatMul", "user", matrix, output="all_scores")
    writer.add("TopK", all_scores, length, output=("scores", "places"), axis=1, largest=1, sorted=1)
    narrow = writer.add("Cast", "places", output="places_32", to=INT32)
    writer.add("Add", narrow, writer.constant("first", np.array([first], np.int32)), output="items")
    outputs = [tensor("items", INT32, k), tensor("scores", FLOAT, k)]
    return writer.model("personalisation", [tensor("user", FLOAT, items.shape[1])], outputs)


def item_matrix(onnx: bytes) -> NDArray[np.float32]:
    """(items, width): the embeddings inside a graph made by ``personalisation_onnx``."""
    model = load_from_string(onnx)
    (transposed,) = (each for each in model.graph.initializer if each.name == "items_t")
    return np.ascontiguousarray(numpy_helper.to_array(transposed).T)
