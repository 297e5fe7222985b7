"""Static INT8: quantise and dequantise nodes (Q/DQ) around each matrix product, with ranges fixed beforehand.

ONNX Runtime's own quantiser finds the ranges and writes the nodes. A runtime that knows the pattern ``DQ → Gemm → Q``
computes in integers throughout; one that does not computes the same numbers in floats. CPU and GPU want different
patterns, so there are two exports:

============  ==================================  ============================================
..            CPU (ONNX Runtime, OpenVINO)        TensorRT
============  ==================================  ============================================
activations   uint8, asymmetric, one scale        int8, symmetric (zero point 0), one scale
weights       int8, a scale for each output       int8, a scale for each output
bias          int32, in the product's own scale   float32
============  ==================================  ============================================

All 8 bits of the weights are used: on AVX512-VNNI and on GPUs sums of products do not saturate. The last layer's result
is never quantised: 256 different scores would tie candidates that differ.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from shop.optimize.scaled import scaled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["cpu_int8", "tensorrt_int8"]


def cpu_int8(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """The perceptron in INT8 for CPUs.

    Raises:
        CalibrationError: the calibration set cannot be right.
        GraphError: the graph is not a perceptron's.
    """
    return _quantised(content, calibration, symmetric=False)


def tensorrt_int8(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    """The perceptron in INT8 for TensorRT; raises as `cpu_int8`."""
    return _quantised(content, calibration, symmetric=True)


class _Rows(CalibrationDataReader):  # type: ignore[misc] # onnxruntime is not typed
    """The calibration set as one batch."""

    def __init__(self, name: str, rows: NDArray[np.float32]) -> None:
        self._batches = iter([{name: rows}])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._batches, None)


def _quantised(content: bytes, calibration: NDArray[np.float32], *, symmetric: bool) -> bytes:
    model = onnx.load_from_string(scaled(content, calibration))
    add_pre_process_metadata(model)  # nothing is left to prepare, and the quantiser would log that something might be
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "model.onnx")
        quantize_static(
            model,
            written,
            _Rows(model.graph.input[0].name, calibration),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Gemm"],
            extra_options={
                "ActivationSymmetric": symmetric,
                "QuantizeBias": not symmetric,
                "OpTypesToExcludeOutputQuantization": ["Gemm"],  # a ReLU follows, and is what the next layer takes
            },
        )
        return written.read_bytes()
