"""KServe's Python SDK: what KServe runs for a custom predictor; it speaks V1 and the Open Inference Protocol."""

import logging
import os
import sys

import numpy as np
import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid


class Iris(Model):
    def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(os.environ["IRIS_ONNX"], options).run
        self.ready = True
        return self.ready

    def get_input_types(self) -> list[dict[str, object]]:
        return [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}]

    def get_output_types(self) -> list[dict[str, object]]:
        return [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
        ]

    async def predict(
        self, payload: InferRequest, headers: dict[str, str] | None = None, response_headers=None
    ) -> InferResponse:
        rows = payload.inputs[0].as_numpy().astype(np.float32)
        outputs = []
        for each, values in zip(self.get_output_types(), self.run(None, {"features": rows}), strict=True):
            outputs.append(InferOutput(each["name"], list(values.shape), each["datatype"]))
            outputs[-1].set_data_from_numpy(values, binary_data=False)
        identity = payload.id or generate_uuid()
        return InferResponse(identity, self.name, outputs, requested_outputs=payload.request_outputs)


if __name__ == "__main__":
    model = Iris("iris")
    model.load()
    ports = {"http_port": int(sys.argv[1]), "grpc_port": int(sys.argv[2])}
    server = ModelServer(**ports, workers=1, enable_latency_logging=False)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # the access log, for which there is no option
    server.start([model])
