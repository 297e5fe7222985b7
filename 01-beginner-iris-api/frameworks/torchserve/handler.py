"""TorchServe: a handler with `initialize` and `handle`, in a process that TorchServe, written in Java, starts."""

from pathlib import Path

import numpy as np
import onnxruntime

NAMES = ["setosa", "versicolor", "virginica"]


class Iris:
    def initialize(self, context: object) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = Path(context.system_properties["model_dir"], "model.onnx")
        self.run = onnxruntime.InferenceSession(path, options).run

    def handle(self, data: list[dict[str, dict[str, float]]], context: object) -> list[dict[str, object]]:
        rows = [list(request["body"].values()) for request in data]
        labels, probabilities = self.run(None, {"features": np.array(rows, np.float32)})
        return [self.answer(int(label), each) for label, each in zip(labels, probabilities.tolist(), strict=True)]

    def answer(self, label: int, probabilities: list[float]) -> dict[str, object]:
        prediction = {"label": label, "class_name": NAMES[label], "probabilities": probabilities}
        return {"model": "iris", "version": "1", "predictions": [prediction]}
