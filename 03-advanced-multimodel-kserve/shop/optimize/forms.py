"""The INT8 forms that each model is tried in, the smallest file first; the first that is good enough is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.optimize.item_matrix import int8_reranked, int8_scores, tensorrt_scores
from shop.optimize.scaled import half_precision
from shop.optimize.static_int8 import cpu_int8, tensorrt_int8
from shop.optimize.weight_only import weight_only_int8

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TENSORRT", "TENSORRT_HALF", "Form", "forms_of", "tensorrt_exports"]

TENSORRT = "model.tensorrt.onnx"
"""The symmetric INT8 export, beside the graph of version 2."""

TENSORRT_HALF = "model.tensorrt-fp16.onnx"
"""The same in FP16, where there is one: for comparison."""


@dataclass(frozen=True)
class Form:
    """A way to write a model in INT8."""

    name: str
    build: Callable[[bytes, NDArray[np.float32]], bytes]


def _weight_only(content: bytes, calibration: NDArray[np.float32]) -> bytes:
    del calibration  # its ranges are found at run time
    return weight_only_int8(content)


_PERCEPTRON = (Form("static", cpu_int8), Form("weight-only", _weight_only))
_TOP_K = (Form("scores", int8_scores), Form("re-ranked", int8_reranked))


def forms_of(model: str) -> tuple[Form, ...]:
    """The forms of a model, by its name."""
    return _TOP_K if model == "personalisation" else _PERCEPTRON


def tensorrt_exports(model: str, content: bytes, calibration: NDArray[np.float32]) -> dict[str, bytes]:
    """The graphs that TensorRT builds engines from, by file name."""
    if model == "personalisation":
        return {TENSORRT: tensorrt_scores(content, calibration)}
    return {TENSORRT: tensorrt_int8(content, calibration), TENSORRT_HALF: half_precision(content, calibration)}
