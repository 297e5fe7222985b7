from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from shop.optimize.calibration_set import CalibrationError, column_scaling
from shop.optimize.item_matrix import weight_steps
from shop.optimize.latency import run_of, session
from shop.optimize.layers import read_perceptron
from shop.optimize.static_int8 import cpu_int8, tensorrt_int8

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Builder = Callable[[bytes, Rows], bytes]


def answers(content: bytes, rows: NDArray[Any]) -> NDArray[Any]:
    (scores,) = run_of(session(content), rows)()
    return np.asarray(scores)


def error(content: bytes, reference: bytes, rows: NDArray[Any]) -> float:
    expected = answers(reference, rows)
    return float(np.sqrt(np.mean((answers(content, rows) - expected) ** 2)) / expected.std())


@pytest.mark.parametrize("export", [cpu_int8, tensorrt_int8])
def test_columns_that_differ_a_million_times_in_scale_survive(export: Builder, perceptron: bytes, rows: Rows) -> None:
    assert error(export(perceptron, rows[:800]), perceptron, rows[800:]) < 0.05


@pytest.mark.parametrize("export", [cpu_int8, tensorrt_int8])
def test_two_exports_are_the_same_bytes(export: Builder, perceptron: bytes, rows: Rows) -> None:
    assert export(perceptron, rows) == export(perceptron, rows)


def test_activations_are_in_steps_of_their_range_and_weights_in_steps_of_their_outputs(
    perceptron: bytes, rows: Rows
) -> None:
    first, _, _ = quantised(cpu_int8(perceptron, rows))
    scaling = column_scaling(rows)
    scaled = rows * scaling.factor + scaling.shift
    assert first.activations.steps == pytest.approx(np.ptp(scaled) / 255, rel=1e-5)
    weight = read_perceptron(perceptron).layers[0].weight / scaling.factor[:, None]
    integers, steps = weight_steps(weight)
    np.testing.assert_allclose(first.weights.steps, steps, rtol=1e-5)
    assert np.abs(first.weights.integers.astype(int) - integers).max() <= 1  # where both roundings are as near


def test_the_cpu_export_has_unsigned_activations_and_a_scale_for_each_output(perceptron: bytes, rows: Rows) -> None:
    first, second, last = quantised(cpu_int8(perceptron, rows))
    assert [each.activations.zeros.dtype for each in (first, second, last)] == [np.uint8] * 3
    assert second.activations.zeros == last.activations.zeros == 0  # behind a ReLU nothing is negative
    assert first.weights.integers.dtype == np.int8
    assert not first.weights.zeros.any()
    assert first.weights.steps.shape == (64,)
    assert first.biases is not None
    assert first.biases.integers.dtype == np.int32
    np.testing.assert_allclose(first.biases.steps, first.weights.steps * first.activations.steps, rtol=1e-5)


def test_the_tensorrt_export_is_symmetric_and_keeps_its_biases_in_floats(perceptron: bytes, rows: Rows) -> None:
    for layer in quantised(tensorrt_int8(perceptron, rows)):
        assert layer.biases is None
        for each in (layer.activations, layer.weights):
            assert each.zeros.dtype == np.int8
            assert not each.zeros.any()


def test_all_eight_bits_are_used(perceptron: bytes, rows: Rows) -> None:
    _, second, _ = quantised(cpu_int8(perceptron, rows))
    assert np.abs(second.weights.integers.astype(int)).max(axis=0).tolist() == [127] * 32


def test_the_quantiser_says_nothing_and_leaves_nothing(
    perceptron: bytes, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cpu_int8(perceptron, rows)
    assert caplog.records == []
    assert list(tmp_path.iterdir()) == []


def test_the_last_layers_result_is_not_quantised_so_scores_do_not_tie(perceptron: bytes, rows: Rows) -> None:
    assert len(np.unique(answers(cpu_int8(perceptron, rows), rows))) > 1000


def test_values_beyond_the_calibrated_range_are_cut_off_and_do_not_wrap_around(perceptron: bytes, rows: Rows) -> None:
    content = cpu_int8(perceptron, rows)
    low, high = rows.min(axis=0), rows.max(axis=0)
    beyond = np.stack([high + 100 * (high - low), high])
    far, near = answers(content, beyond)
    assert far == pytest.approx(near, rel=0.01)


def test_a_bias_far_larger_than_its_weights_stays_within_its_integers(perceptron: bytes, rows: Rows) -> None:
    model = onnx.load_from_string(perceptron)
    for each in model.graph.initializer:
        if each.name == "weights_2":
            each.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(each) * np.float32(1e-12), each.name))
    content: bytes = model.SerializeToString()
    assert np.allclose(answers(cpu_int8(content, rows), rows), answers(content, rows), rtol=1e-2, atol=1e-3)


def test_a_bad_calibration_set_builds_nothing(perceptron: bytes, rows: Rows) -> None:
    with pytest.raises(CalibrationError, match="3 rows"):
        cpu_int8(perceptron, rows[:3])


class Dequantised(NamedTuple):
    """What a DequantizeLinear reads; ``integers`` of a constant alone."""

    integers: NDArray[Any]
    steps: NDArray[np.float32]
    zeros: NDArray[Any]


class QuantisedLayer(NamedTuple):
    """What a Gemm reads; ``biases`` is None where they are floats."""

    activations: Dequantised
    weights: Dequantised
    biases: Dequantised | None


def quantised(content: bytes) -> list[QuantisedLayer]:
    graph = onnx.load_from_string(content).graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    found = {
        node.output[0]: Dequantised(*(constants.get(name, np.zeros(0)) for name in node.input))
        for node in graph.node
        if node.op_type == "DequantizeLinear"
    }
    gemms = (node.input for node in graph.node if node.op_type == "Gemm")
    return [QuantisedLayer(found[rows], found[weights], found.get(biases)) for rows, weights, biases in gemms]
