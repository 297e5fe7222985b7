from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from shop.optimize.forms import TENSORRT, TENSORRT_HALF, forms_of, tensorrt_exports
from shop.optimize.latency import run_of, session
from shop.optimize.scaled import half_precision
from shop.optimize.weight_only import weight_only_int8

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]


def answers(content: bytes, rows: NDArray[Any]) -> NDArray[Any]:
    (scores,) = run_of(session(content), rows)()
    return np.asarray(scores)


def operators(content: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def test_weights_alone_in_integers_say_what_the_floats_say(perceptron: bytes, rows: Rows) -> None:
    content = weight_only_int8(perceptron, large=512)
    expected = answers(perceptron, rows)
    assert np.abs(answers(content, rows) - expected).max() < 0.1 * expected.std()
    assert content == weight_only_int8(perceptron, large=512)


def test_the_first_layer_and_small_ones_keep_their_floats(perceptron: bytes) -> None:
    content = weight_only_int8(perceptron, large=512)
    assert operators(content) == ["Gemm", "Relu", "MatMulNBits", "Relu", "Gemm", "Identity", "Reshape"]


def test_a_rows_answer_does_not_depend_on_the_others_in_its_batch(perceptron: bytes, rows: Rows) -> None:
    content = weight_only_int8(perceptron, large=512)
    alone = answers(content, rows[:1])
    beside_giants = answers(content, np.concatenate([rows[:1], rows[1:40] * 1000]))
    assert beside_giants[0] == pytest.approx(alone[0], rel=1e-5)


def test_half_precision_takes_columns_that_it_could_not_hold(perceptron: bytes, rows: Rows) -> None:
    content = half_precision(perceptron, rows)
    giants = (rows[:50] * 1).astype(np.float32)
    assert np.abs(giants).max() > 1000
    expected = answers(perceptron, giants)
    assert np.abs(answers(content, giants) - expected).max() < 0.02 * expected.std()


def test_each_kind_has_its_forms_and_its_graphs_for_tensorrt(
    perceptron: bytes, rows: Rows, catalogue: bytes, users: Rows
) -> None:
    assert [form.name for form in forms_of("ranking")] == ["static", "weight-only"]
    assert [form.name for form in forms_of("personalisation")] == ["scores", "re-ranked"]
    assert list(tensorrt_exports("ranking", perceptron, rows)) == [TENSORRT, TENSORRT_HALF]
    assert list(tensorrt_exports("personalisation", catalogue, users)) == [TENSORRT]
    for form in forms_of("ranking"):
        assert answers(form.build(perceptron, rows), rows[:3]).shape == (3,)
