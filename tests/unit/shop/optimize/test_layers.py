from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from shop.optimize.latency import run_of, session
from shop.optimize.layers import GraphError, read_perceptron

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]


WEIGHT = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
BIAS = np.array([1, -2, 3], np.float32)
ROWS = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)


def model(nodes: list[onnx.NodeProto], constants: dict[str, NDArray[Any]]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "written by hand",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = made.SerializeToString()
    return content


def test_the_layers_of_a_graph_compute_what_the_graph_does(perceptron: bytes, rows: Rows) -> None:
    read = read_perceptron(perceptron)
    passed = rows
    for layer in read.layers:
        sums = passed @ layer.weight + layer.bias
        passed = np.maximum(sums, 0) if layer.relu else sums
    (scores,) = run_of(session(perceptron), rows)()
    assert np.allclose(passed[:, 0], scores, rtol=1e-3, atol=1e-3)
    assert [layer.relu for layer in read.layers] == [True, True, False]
    assert [node.op_type for node in read.tail] == ["Reshape"]


@pytest.mark.parametrize("transposed", [False, True])
def test_a_product_may_be_a_gemm_of_either_orientation(transposed: bool) -> None:  # noqa: FBT001
    weight = np.ascontiguousarray(WEIGHT.T) if transposed else WEIGHT
    node = helper.make_node("Gemm", ["features", "w", "b"], ["scores"], transB=int(transposed))
    (layer,) = read_perceptron(model([node], {"w": weight, "b": BIAS})).layers
    assert (layer.weight == WEIGHT).all()
    assert (layer.bias == BIAS).all()


def test_a_product_may_be_a_matmul_with_its_bias_behind_it() -> None:
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["product"]),
        helper.make_node("Add", ["b", "product"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["scores"]),
    ]
    (layer,) = read_perceptron(model(nodes, {"w": WEIGHT, "b": BIAS})).layers
    assert (layer.bias == BIAS).all()
    assert layer.relu


def test_what_follows_the_last_product_is_left_alone() -> None:
    nodes = [
        helper.make_node("Gemm", ["features", "w", "b"], ["logits"]),
        helper.make_node("Mul", ["logits", "slope"], ["stretched"]),
        helper.make_node("Sigmoid", ["stretched"], ["scores"]),
    ]
    read = read_perceptron(model(nodes, {"w": WEIGHT, "b": BIAS, "slope": np.array(2, np.float32)}))
    assert [node.op_type for node in read.tail] == ["Mul", "Sigmoid"]
    assert read.tail_input == "logits"


def test_a_graph_that_does_not_begin_with_a_product_is_refused() -> None:
    node = helper.make_node("Sub", ["features", "mean"], ["scores"])
    expected = r"^graph 'written by hand' of Sub: expected to begin with Gemm or MatMul$"
    with pytest.raises(GraphError, match=expected):
        read_perceptron(model([node], {"mean": np.ones(1, np.float32)}))
