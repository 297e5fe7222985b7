"""LitServe: four methods, each of which LitServe may run in a process of its own."""

import os
import sys

import litserve as ls
import numpy as np
import onnxruntime

NAMES = ["setosa", "versicolor", "virginica"]


class Iris(ls.LitAPI):
    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(os.environ["IRIS_ONNX"], options).run

    def decode_request(self, request: dict[str, float]) -> np.ndarray:
        return np.array([list(request.values())], np.float32)

    def predict(self, row: np.ndarray) -> list[np.ndarray]:
        return self.run(None, {"features": row})

    def encode_response(self, output: list[np.ndarray]) -> dict[str, object]:
        label = int(output[0][0])
        prediction = {"label": label, "class_name": NAMES[label], "probabilities": output[1][0].tolist()}
        return {"model": "iris", "version": "1", "predictions": [prediction]}


if __name__ == "__main__":
    # fast_queue=True is ignored in 0.2.19, without a word (LitServe#751), so it stays off
    server = ls.LitServer(Iris(), accelerator="cpu", devices=1, workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
