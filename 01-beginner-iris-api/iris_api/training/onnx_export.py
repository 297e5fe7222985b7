"""The conversion of a scikit-learn pipeline to ONNX."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from servekit.oip.rest import TensorMetadata

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["INPUTS", "LIBRARIES", "OUTPUTS", "export_onnx"]

INPUTS = [TensorMetadata("features", "FP32", [-1, 4])]
OUTPUTS = [TensorMetadata("label", "INT64", [-1]), TensorMetadata("probabilities", "FP32", [-1, 3])]
LIBRARIES = {name: version(name) for name in ("scikit-learn", "skl2onnx", "onnx", "numpy")}

_OPSET = {"": 17, "ai.onnx.ml": 3}


def export_onnx(pipeline: Pipeline) -> bytes:
    """The pipeline, preprocessing included, as ONNX bytes; equal pipelines give equal bytes."""
    model = to_onnx(
        pipeline,
        initial_types=[(INPUTS[0].name, FloatTensorType([None, 4]))],
        options={"zipmap": False},
        target_opset=_OPSET,
        name="iris",
    )
    onnx: bytes = model.SerializeToString(deterministic=True)
    return onnx
