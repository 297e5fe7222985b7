"""What exercise 2 must do: the request is sent to the API itself, with the model that `make train-1` made."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from random import Random
from typing import TYPE_CHECKING

from course.exercises import expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

SPECIES = ("setosa", "versicolor", "virginica")
FLOWERS = [5.1, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3]


def check_the_request_is_json(answer: Path) -> None:
    request = load(answer).REQUEST
    try:
        json.loads(request)
    except ValueError as error:
        expect(holds=False, message=f"REQUEST is not JSON: {error}")


def check_the_api_understands_what_is_asked(answer: Path) -> None:
    request = load(answer).REQUEST
    response = ask(request)
    expect(response.status_code == HTTPStatus.OK, f"the API answers {response.status_code} {response.text}")
    answered = response.json()
    expect_equal("the answer's id", answered.get("id"), "two-flowers")
    (tensor,) = json.loads(request)["inputs"]
    numbers = [number for row in tensor["data"] for number in (row if isinstance(row, list) else [row])]
    expect_equal("the numbers sent", numbers, FLOWERS)
    expect_equal("the shape", tensor["shape"], [2, 4])
    expect_equal("the outputs", [output["name"] for output in answered["outputs"]], ["label", "probabilities"])


def check_the_answer_is_read(answer: Path) -> None:
    module = load(answer)
    body = ask(module.REQUEST).text
    found = module.read(body)
    expect_equal("the species read", [species for species, _ in found], ["setosa", "virginica"])
    flat = json.loads(body)["outputs"][1]["data"]
    expect_equal("the probabilities read", [share for _, share in found], [flat[0], flat[5]])


def check_outputs_are_found_by_name_whatever_their_order(answer: Path) -> None:
    label = {"name": "label", "datatype": "INT64", "shape": [3], "data": [1, 1, 0]}
    flat = [0.1, 0.8, 0.1, 0.2, 0.5, 0.3, 0.9, 0.1, 0.0]
    probabilities = {"name": "probabilities", "datatype": "FP32", "shape": [3, 3], "data": flat}
    body = json.dumps({"model_name": "iris", "outputs": [probabilities, label]})
    expected = [("versicolor", 0.8), ("versicolor", 0.5), ("setosa", 0.9)]
    expect_equal("read(an answer whose probabilities come first)", load(answer).read(body), expected)


def check_any_number_of_flowers_is_read(answer: Path) -> None:
    read, random = load(answer).read, Random()  # noqa: S311 - examples
    for rows in random.sample(range(1, 40), 10):
        shares = [[random.random() for _ in SPECIES] for _ in range(rows)]
        labels = [row.index(max(row)) for row in shares]
        flat = [share for row in shares for share in row]
        outputs = [{"name": "label", "datatype": "INT64", "shape": [rows], "data": labels},
                   {"name": "probabilities", "datatype": "FP32", "shape": [rows, 3], "data": flat}]  # fmt: skip
        expected = [(SPECIES[label], row[label]) for label, row in zip(labels, shares, strict=True)]
        found = read(json.dumps({"model_name": "iris", "outputs": random.sample(outputs, 2)}))
        expect_equal(f"read(an answer for {rows} flowers)", found, expected)


def ask(request: str) -> httpx.Response:
    """The API's answer; it runs inside this process, without a port."""
    # here, because they take half a second that the other checks need not wait
    import httpx  # noqa: PLC0415

    from iris_api.adapters.model_monitor import ModelMonitor  # noqa: PLC0415
    from iris_api.adapters.onnx_model import OnnxModel  # noqa: PLC0415
    from iris_api.bootstrap import create_app  # noqa: PLC0415
    from iris_api.service.predictor import Predictor  # noqa: PLC0415
    from iris_api.settings import IrisSettings  # noqa: PLC0415
    from servekit.telemetry import TelemetrySettings  # noqa: PLC0415

    settings = IrisSettings()
    model = OnnxModel(settings.model_dir)
    app = create_app(settings, TelemetrySettings(), Predictor(model), ModelMonitor(model))
    headers = {"content-type": "application/json"}

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://iris") as client:
            return await client.post("/v2/models/iris/infer", content=request, headers=headers)

    return asyncio.run(post())
