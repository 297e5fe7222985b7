"""Ray Serve: a deployment, which may have replicas on many machines; here one, on this machine.

It is measured twice. `RAY_SERVE_ENABLE_HA_PROXY=1` puts HAProxy in the place of Ray's own proxy in Python, and
`RAY_SERVE_THROUGHPUT_OPTIMIZED=1` runs a request on the replica's own event loop.
"""

import os
import signal
import sys

import numpy as np
import onnxruntime
import ray
from ray import serve
from starlette.requests import Request

NAMES = ["setosa", "versicolor", "virginica"]


@serve.deployment(num_replicas=1, max_ongoing_requests=100)
class Iris:
    def __init__(self, path: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(path, options).run

    async def __call__(self, request: Request) -> dict[str, object]:
        flower = await request.json()
        labels, probabilities = self.run(None, {"features": np.array([list(flower.values())], np.float32)})
        label = int(labels[0])
        prediction = {"label": label, "class_name": NAMES[label], "probabilities": probabilities[0].tolist()}
        return {"model": "iris", "version": "1", "predictions": [prediction]}


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
    http = {"host": "127.0.0.1", "port": int(sys.argv[1])}
    serve.start(http_options=http, logging_config={"enable_access_log": False})
    serve.run(Iris.bind(os.environ["IRIS_ONNX"]), route_prefix="/v1/predict")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
