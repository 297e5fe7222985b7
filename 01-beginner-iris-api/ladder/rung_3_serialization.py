"""Rung 3: serialization. msgspec decodes, validates and encodes in C what pydantic and `json` did in several passes."""

import msgspec
import numpy as np
from fastapi import FastAPI, Request, Response
from numpy.typing import NDArray
from rung_2_onnx import names, run


class Flower(msgspec.Struct, forbid_unknown_fields=True):
    sepal_length_cm: float
    sepal_width_cm: float
    petal_length_cm: float
    petal_width_cm: float


class Prediction(msgspec.Struct):
    label: int
    class_name: str
    probabilities: list[float]


class Answer(msgspec.Struct):
    model: str
    version: str
    predictions: list[Prediction]


decode = msgspec.json.Decoder(Flower).decode
encode = msgspec.json.Encoder().encode
app = FastAPI()


def to_row(body: bytes) -> NDArray[np.float32]:
    return np.array([msgspec.structs.astuple(decode(body))], np.float32)


def to_body(label: int, probabilities: list[float]) -> bytes:
    return encode(Answer("iris", "1", [Prediction(label, names[label], probabilities)]))


@app.post("/v1/predict")
async def predict(request: Request) -> Response:
    labels, probabilities = run(None, {"features": to_row(await request.body())})
    return Response(to_body(int(labels[0]), probabilities[0].tolist()), media_type="application/json")
