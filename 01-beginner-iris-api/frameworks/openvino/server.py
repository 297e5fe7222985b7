"""Our API with OpenVINO in the place of ONNX Runtime: a runtime, not a server, so all around it stays the same.

OpenVINO reads ONNX, but not its operators for classical models (`ai.onnx.ml`), which scikit-learn's export consists of.
So the numbers are taken out of the same file, and the three operators are written down in OpenVINO's own.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import openvino
from numpy.typing import NDArray
from openvino import opset13 as op

from iris_api import __main__, bootstrap
from iris_api.adapters.onnx_model import OnnxModel

ONE_CORE = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}


def converted(path: Path) -> openvino.Model:
    """Scaler, LinearClassifier with softmax, Normalizer (which changes nothing after a softmax)."""
    scaler, linear, _ = (
        {each.name: np.array(onnx.helper.get_attribute_value(each)) for each in node.attribute}
        for node in onnx.load(path).graph.node
    )
    assert linear["post_transform"] == b"SOFTMAX", "another model needs other operators"  # noqa: S101
    rows = op.parameter([-1, 4], np.float32, name="features")
    scaled = op.multiply(op.subtract(rows, np.float32(scaler["offset"])), np.float32(scaler["scale"]))
    weights = np.float32(linear["coefficients"]).reshape(3, 4)
    scores = op.add(op.matmul(scaled, weights, False, True), np.float32(linear["intercepts"]))
    return openvino.Model([op.softmax(scores, 1)], [rows], "iris")


class OpenVinoModel(OnnxModel):
    """The artefact is checked as ever; another runtime computes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        compiled = openvino.Core().compile_model(converted(folder / "model.onnx"), "CPU", ONE_CORE)
        self._request = compiled.create_infer_request()

    def run(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        self._request.infer([rows], share_inputs=True)
        probabilities = self._request.get_output_tensor(0).data.copy()
        return probabilities.argmax(axis=1), probabilities


if __name__ == "__main__":
    bootstrap.OnnxModel = OpenVinoModel
    sys.exit(__main__.main())
