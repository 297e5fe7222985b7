"""The Open Inference Protocol over REST: what is this model's own, besides what any server must do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from servekit.oip import rest
from servekit.oip.tensors import Inference, Tensor

if TYPE_CHECKING:
    import httpx
    from numpy.typing import NDArray

    from iris_api.training.golden import Golden

INFER = "/v2/models/iris/infer"
JSON = {"content-type": "application/json"}
ROW = [5.1, 3.5, 1.4, 0.2]


def request(**tensor: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": ROW, **tensor}]}


def binary(rows: NDArray[Any], outputs: tuple[str, ...] = (), binary: frozenset[str] | None = None) -> dict[str, Any]:
    inference = Inference((Tensor("features", "FP32", rows),), outputs, binary=binary)
    body, length = rest.encode_request(inference, binary_inputs=True)
    return {"content": body, "headers": {"content-type": "application/octet-stream", rest.HEADER_LENGTH: str(length)}}


async def infer(client: httpx.AsyncClient, body: Any, path: str = INFER) -> tuple[int, Any]:
    answer = await client.post(path, content=body if isinstance(body, bytes) else json.dumps(body), headers=JSON)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("path", [INFER, "/v2/models/iris/versions/1/infer"])
async def test_json_tensors_get_scikit_learns_answer(iris_client: httpx.AsyncClient, golden: Golden, path: str) -> None:
    body = {**request(shape=[150, 4], data=golden.features.tolist()), "id": "42"}
    status, answer = await infer(iris_client, body, path)
    assert status == 200
    label, probabilities = answer.pop("outputs")
    assert answer == {"model_name": "iris", "model_version": "1", "id": "42"}
    assert label == {"name": "label", "datatype": "INT64", "shape": [150], "data": golden.labels.tolist()}
    assert (probabilities["name"], probabilities["shape"]) == ("probabilities", [150, 3])
    assert np.allclose(probabilities["data"], golden.probabilities.ravel(), rtol=0, atol=1e-5)


async def test_binary_tensors_get_scikit_learns_answer(iris_client: httpx.AsyncClient, golden: Golden) -> None:
    answer = await iris_client.post(INFER, **binary(golden.features.astype(np.float32)))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
    result = rest.decode_response(answer.content, answer.headers[rest.HEADER_LENGTH])
    label, probabilities = result.outputs
    assert np.array_equal(label.data, golden.labels)
    assert np.abs(probabilities.data - golden.probabilities).max() < 1e-5


async def test_only_the_outputs_asked_for_are_answered_in_their_form(iris_client: httpx.AsyncClient) -> None:
    _, answer = await infer(iris_client, {**request(), "outputs": [{"name": "probabilities"}]})
    assert [tensor["name"] for tensor in answer["outputs"]] == ["probabilities"]
    mixed = binary(np.array([ROW], np.float32), ("probabilities", "label"), frozenset({"label"}))
    answer = await iris_client.post(INFER, **mixed)
    head = json.loads(answer.content[: int(answer.headers[rest.HEADER_LENGTH])])
    assert [("data" in tensor, tensor["name"]) for tensor in head["outputs"]] == [
        (True, "probabilities"),
        (False, "label"),
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/models/tulip/infer", "model tulip: unknown: this server has iris"),
        ("/v2/models/iris/versions/2/infer", "version 2: unknown: iris has 1"),
        ("/v2/models/tulip/versions/1/infer", "model tulip: unknown: this server has iris"),
        (f"/v2/models/{'x' * 200}/infer", f"model {'x' * 79}…: unknown: this server has iris"),
    ],
)
async def test_an_unknown_model_or_version_is_not_found(
    iris_client: httpx.AsyncClient, path: str, expected: str
) -> None:
    assert await infer(iris_client, request(), path) == (404, {"error": expected})


@pytest.mark.parametrize("tail", ["", "/ready"])
async def test_metadata_of_an_unknown_model_or_version_are_not_found(iris_client: httpx.AsyncClient, tail: str) -> None:
    answer = await iris_client.get(f"/v2/models/tulip{tail}")
    assert (answer.status_code, answer.json()) == (404, {"error": "model tulip: unknown: this server has iris"})
    answer = await iris_client.get(f"/v2/models/iris/versions/2{tail}")
    assert (answer.status_code, answer.json()) == (404, {"error": "version 2: unknown: iris has 1"})


async def test_the_metadata_are_those_of_the_card(iris_client: httpx.AsyncClient) -> None:
    for path in ("/v2/models/iris", "/v2/models/iris/versions/1"):
        assert (await iris_client.get(path)).json() == {
            "name": "iris",
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}],
            "outputs": [
                {"name": "label", "datatype": "INT64", "shape": [-1]},
                {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
            ],
        }


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ({"name": "lengths"}, "input lengths: unknown: expected features"),
        ({"datatype": "FP64"}, "input features datatype FP64: expected FP32"),
        ({"datatype": "INT64", "data": [5, 3, 1, 0]}, "input features datatype INT64: expected FP32"),
        ({"shape": [4]}, "input features shape [4]: expected [-1, 4]"),
        ({"shape": [4, 1]}, "input features shape [4, 1]: expected [-1, 4]"),
        ({"shape": [1, 1, 4]}, "input features shape [1, 1, 4]: expected [-1, 4]"),
        ({"shape": [2, 4]}, "input features data 4 values: expected 8 for shape [2, 4]"),
        ({"shape": [2**70, 4]}, f"input features data 4 values: expected {2**72} for shape [{2**70}, 4]"),
        ({"shape": [-1, 4]}, "input features shape [-1, 4]: expected sizes of 0 or more"),
        ({"shape": [0, 4], "data": []}, "features 0 rows: expected at least one flower"),
        ({"data": [5.1, 3.5, 1.4]}, "input features data 3 values: expected 4 for shape [1, 4]"),
        ({"data": [5.1, 3.5, -1.4, 0.2]}, "features[0].petal_length_cm -1.4: expected a length from 0 to 100 cm"),
        ({"data": [5.1, 1e39, 1.4, 0.2]}, "input features data 1e+39: expected values of FP32"),
        (
            {"shape": [2, 4], "data": [ROW, [5.1, 3.5, 1.4, 140]]},
            "features[1].petal_width_cm 140.0: expected a length from 0 to 100 cm",
        ),
    ],
)
async def test_a_tensor_that_the_model_does_not_take_is_refused(
    iris_client: httpx.AsyncClient, tensor: dict[str, Any], expected: str
) -> None:
    assert await infer(iris_client, request(**tensor)) == (422, {"error": expected})


async def test_another_number_of_tensors_is_refused(iris_client: httpx.AsyncClient) -> None:
    assert await infer(iris_client, {"inputs": []}) == (422, {"error": "inputs 0 tensors: expected one, features"})
    twice = {"inputs": request()["inputs"] * 2}
    assert await infer(iris_client, twice) == (422, {"error": "inputs 2 tensors: expected one, features"})


async def test_an_unknown_output_is_refused(iris_client: httpx.AsyncClient) -> None:
    expected = "output species: unknown: the model has label, probabilities"
    assert await infer(iris_client, {**request(), "outputs": [{"name": "species"}]}) == (422, {"error": expected})


@pytest.mark.parametrize(
    ("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (-0.5, "-0.5"), (100.5, "100.5")]
)
async def test_a_binary_value_that_is_no_length_is_named_by_row_and_feature(
    iris_client: httpx.AsyncClient, value: float, shown: str
) -> None:
    rows = np.ones((3000, 4), np.float32)
    rows[2345, 2] = value
    answer = await iris_client.post(INFER, **binary(rows))
    expected = f"features[2345].petal_length_cm {shown}: expected a length from 0 to 100 cm"
    assert (answer.status_code, answer.json()) == (422, {"error": expected})


async def test_bytes_that_do_not_fit_the_shape_are_refused(iris_client: httpx.AsyncClient) -> None:
    head = json.dumps(request(data=None, parameters={"binary_data_size": 3})).encode()
    headers = {"content-type": "application/octet-stream", rest.HEADER_LENGTH: str(len(head))}
    answer = await iris_client.post(INFER, content=head + b"abc", headers=headers)
    expected = "input features data 3 bytes: expected 16 for shape [1, 4] of FP32"
    assert (answer.status_code, answer.json()) == (422, {"error": expected})


async def test_nan_is_not_json(iris_client: httpx.AsyncClient) -> None:
    body = json.dumps(request(data=[5.1, float("nan"), 1.4, 0.2])).encode()
    status, answer = await infer(iris_client, body)
    assert (status, answer["error"].startswith("body: not JSON: ")) == (400, True)


async def test_another_content_type_is_refused(iris_client: httpx.AsyncClient) -> None:
    answer = await iris_client.post(INFER, content=json.dumps(request()), headers={"content-type": "text/plain"})
    expected = "content-type text/plain: expected application/json or application/octet-stream"
    assert (answer.status_code, answer.json()) == (415, {"error": expected})


async def test_a_large_batch_is_answered_off_the_loop(iris_client: httpx.AsyncClient, golden: Golden) -> None:
    order = np.arange(20_000) % 150
    answer = await iris_client.post(INFER, **binary(golden.features[order].astype(np.float32)))
    result = rest.decode_response(answer.content, answer.headers[rest.HEADER_LENGTH])
    assert np.array_equal(result.outputs[0].data, golden.labels[order])
