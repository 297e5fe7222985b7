"""Rung 2: ONNX. scikit-learn checks and copies a row many times; a compiled graph computes it. And no more pickle."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
run = onnxruntime.InferenceSession(os.environ["LADDER_ONNX"], options).run
names = ["setosa", "versicolor", "virginica"]
app = FastAPI()


class Flower(BaseModel):
    sepal_length_cm: float
    sepal_width_cm: float
    petal_length_cm: float
    petal_width_cm: float


@app.post("/v1/predict")
async def predict(flower: Flower) -> dict[str, object]:
    row = [flower.sepal_length_cm, flower.sepal_width_cm, flower.petal_length_cm, flower.petal_width_cm]
    labels, probabilities = run(None, {"features": np.array([row], np.float32)})
    label = int(labels[0])
    prediction = {"label": label, "class_name": names[label], "probabilities": probabilities[0].tolist()}
    return {"model": "iris", "version": "1", "predictions": [prediction]}
