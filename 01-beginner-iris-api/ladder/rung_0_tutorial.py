"""Rung 0: the tutorial. FastAPI, a pydantic model, a pickled scikit-learn pipeline, `predict_proba`.

A plain `def` endpoint runs in a thread pool; a pickle runs whatever code it holds when it is loaded. Never load one you
did not make.
"""

import os

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["LADDER_JOBLIB"])
names = ["setosa", "versicolor", "virginica"]
app = FastAPI()


class Flower(BaseModel):
    sepal_length_cm: float
    sepal_width_cm: float
    petal_length_cm: float
    petal_width_cm: float


@app.post("/v1/predict")
def predict(flower: Flower) -> dict[str, object]:
    row = [flower.sepal_length_cm, flower.sepal_width_cm, flower.petal_length_cm, flower.petal_width_cm]
    probabilities = model.predict_proba([row])[0]
    label = int(probabilities.argmax())
    prediction = {"label": label, "class_name": names[label], "probabilities": probabilities.tolist()}
    return {"model": "iris", "version": "1", "predictions": [prediction]}
