"""Triton's Python backend: Triton reads the request and keeps its queue; a process of its own runs this class."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(os.environ["IRIS_ONNX"], options).run

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """Runs all requests that Triton gives together, which are one unless it batches."""
        rows = [pb_utils.get_input_tensor_by_name(request, "features").as_numpy() for request in requests]
        labels, probabilities = self.run(None, {"features": np.concatenate(rows)})
        ends = np.cumsum([len(each) for each in rows])[:-1]
        parts = zip(np.split(labels, ends), np.split(probabilities, ends), strict=True)
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("label", label), pb_utils.Tensor("probabilities", each)])
            for label, each in parts
        ]
