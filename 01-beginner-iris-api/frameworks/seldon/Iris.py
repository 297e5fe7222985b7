"""Seldon Core 1's wrapper: a class with `predict`, in a file of its name."""

import os

import numpy as np
import onnxruntime


class Iris:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(os.environ["IRIS_ONNX"], options).run

    def class_names(self) -> list[str]:
        return ["setosa", "versicolor", "virginica"]

    def predict(self, features: np.ndarray, names: list[str], meta: dict[str, object] | None = None) -> np.ndarray:
        _, probabilities = self.run(None, {"features": np.asarray(features, np.float32)})
        return probabilities
