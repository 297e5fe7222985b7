"""Rung 1: no thread hop. The only change is `async def`: a short computation costs less than a trip to a thread."""

from rung_0_tutorial import Flower, app, model, names

app.router.routes.pop()


@app.post("/v1/predict")
async def predict(flower: Flower) -> dict[str, object]:
    row = [flower.sepal_length_cm, flower.sepal_width_cm, flower.petal_length_cm, flower.petal_width_cm]
    probabilities = model.predict_proba([row])[0]
    label = int(probabilities.argmax())
    prediction = {"label": label, "class_name": names[label], "probabilities": probabilities.tolist()}
    return {"model": "iris", "version": "1", "predictions": [prediction]}
