from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from shop.optimize.calibration_set import CalibrationError
from shop.optimize.latency import run_of, session
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


def test_static_int8_errs_no_more_than_onnx_runtimes_own_quantiser(
    perceptron: bytes, rows: Rows, tmp_path: Path
) -> None:
    first = np.abs(rows).max(axis=0)
    model = onnx.load_from_string(perceptron)
    (weights,) = (each for each in model.graph.initializer if each.name == "weights_1")
    even = numpy_helper.from_array(numpy_helper.to_array(weights) * first[:, None], "weights_1")
    weights.CopyFrom(even)
    reference, scaled = model.SerializeToString(), rows / first

    class Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime is not typed
        left = iter([{"features": scaled[:800]}])

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            return next(self.left, None)

    theirs = tmp_path / "theirs.onnx"
    quantize_static(
        model,
        str(theirs),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    held_out = scaled[800:]
    assert error(cpu_int8(reference, scaled[:800]), reference, held_out) <= error(
        theirs.read_bytes(), reference, held_out
    )


def test_the_cpu_export_has_unsigned_activations_and_a_scale_for_each_output(perceptron: bytes, rows: Rows) -> None:
    constants = read_constants(cpu_int8(perceptron, rows))
    assert constants["zero_0"].dtype == np.uint8
    assert constants["zero_1"] == 0  # behind a ReLU nothing is negative
    assert constants["weight_0"].dtype == np.int8
    assert constants["weight_0_steps"].shape == (64,)
    assert constants["bias_0"].dtype == np.int32


def test_the_tensorrt_export_is_symmetric_and_keeps_its_biases_in_floats(perceptron: bytes, rows: Rows) -> None:
    constants = read_constants(tensorrt_int8(perceptron, rows))
    zeros = [value for name, value in constants.items() if "zero" in name]
    assert zeros
    assert all(value.dtype == np.int8 and not value.any() for value in zeros)
    assert constants["bias_0"].dtype == np.float32


def test_all_eight_bits_are_used(perceptron: bytes, rows: Rows) -> None:
    constants = read_constants(cpu_int8(perceptron, rows))
    assert np.abs(constants["weight_1"].astype(int)).max(axis=0).tolist() == [127] * 32


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


def read_constants(content: bytes) -> dict[str, NDArray[Any]]:
    model = onnx.load_from_string(content)
    return {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
