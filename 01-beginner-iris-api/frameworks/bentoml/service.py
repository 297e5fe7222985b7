"""BentoML: a class is a service, its method an endpoint, and the method's arguments are the fields of the JSON body."""

import os

import bentoml
import numpy as np
import onnxruntime

NAMES = ["setosa", "versicolor", "virginica"]


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Iris:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(os.environ["IRIS_ONNX"], options).run

    @bentoml.api(route="/v1/predict")
    async def predict(
        self, sepal_length_cm: float, sepal_width_cm: float, petal_length_cm: float, petal_width_cm: float
    ) -> dict[str, object]:
        row = [sepal_length_cm, sepal_width_cm, petal_length_cm, petal_width_cm]
        labels, probabilities = self.run(None, {"features": np.array([row], np.float32)})
        label = int(labels[0])
        prediction = {"label": label, "class_name": NAMES[label], "probabilities": probabilities[0].tolist()}
        return {"model": "iris", "version": "1", "predictions": [prediction]}
