"""``/v2`` through the gateway: what is passed on, what is refused before it reaches the model server."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from servekit.oip import rest
from servekit.oip.tensors import Inference, Tensor
from shop.gateway.settings import GatewaySettings
from shop.serving.envoy import EdgeSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.shop.gateway.conftest import GatewayProcess
    from tests.integration.shop.gateway.fake_models import FakeModels

INFER = "/v2/models/fraud/infer"
ROW = [0.25, *[1.0] * 63]
JSON = {"content-type": "application/json"}


def body(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "features", "shape": [1, 64], "datatype": "FP32", "data": ROW, **changes}]}


def test_json_tensors_are_answered(gateway: GatewayProcess) -> None:
    answer = gateway.client.post(INFER, json=body())
    assert answer.status_code == 200
    assert answer.json()["outputs"][0]["data"] == [0.25]
    assert len(answer.headers["x-trace-id"]) == 32


def test_binary_tensors_are_answered(gateway: GatewayProcess) -> None:
    tensor = Tensor("features", "FP32", np.array([ROW], np.float32))
    sent, length = rest.encode_request(Inference((tensor,), binary=None), binary_inputs=True)
    headers = {"content-type": "application/octet-stream", rest.HEADER_LENGTH: str(length)}
    answer = gateway.client.post("/v2/models/fraud/versions/2/infer", content=sent, headers=headers)
    result = rest.decode_response(answer.content, answer.headers[rest.HEADER_LENGTH])
    assert (result.version, result.outputs[0].data.tolist()) == ("2", [1000.25])
    assert answer.headers["x-model-version"] == "2"


def test_the_edges_version_is_for_requests_that_name_none(gateway: GatewayProcess, models: FakeModels) -> None:
    gateway.client.post(INFER, json=body(), headers={"x-model-version": "2"})
    assert models.calls[-1].version == "2"
    gateway.client.post("/v2/models/fraud/versions/1/infer", json=body(), headers={"x-model-version": "2"})
    assert models.calls[-1].version == "1"


@pytest.mark.parametrize(
    "path", ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/fraud", "/v2/models/fraud/versions/2"]
)
def test_health_and_metadata_are_passed_on(gateway: GatewayProcess, path: str) -> None:
    assert gateway.client.get(path).status_code == 200


def test_where_each_model_has_a_server_of_its_own_the_first_one_speaks_for_all(
    start_gateway: Callable[..., GatewayProcess], models: FakeModels
) -> None:
    """Behind KServe's Gateway a request that names no server's host gets 404."""
    gateway = start_gateway(SHOP_TRITON_HOSTS=json.dumps({"fraud": "fraud.example.com", "ranking": "r.example.com"}))
    models.hosts.clear()
    for path in ("/v2", "/v2/health/live", "/v2/health/ready"):
        assert gateway.client.get(path).status_code == 200
    assert set(models.hosts) == {"fraud.example.com"}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/v2/repository/index", "path /v2/repository/index: no such endpoint"),
        ("/v2/repository/models/fraud/unload", "path /v2/repository/models/fraud/unload: no such endpoint"),
        ("/v2/logging", "path /v2/logging: no such endpoint"),
        ("/v2/models/fraud/unload", "path /v2/models/fraud/unload: no such endpoint"),
        ("/v3", "path /v3: no such endpoint"),
    ],
)
def test_nothing_else_is_reachable(gateway: GatewayProcess, path: str, problem: str) -> None:
    answer = gateway.client.build_request("POST", "/", headers=JSON)
    answer.url = answer.url.copy_with(raw_path=path.encode())
    refused = gateway.client.send(answer)
    assert (refused.status_code, refused.json()) == (404, {"error": problem})


@pytest.mark.parametrize(
    ("path", "sent", "refused"),
    [
        ("/v2/models/iris/infer", body(), (404, "model iris: unknown")),
        ("/v2/models/fraud/versions/9/infer", body(), (404, "version 9: unknown: fraud has no such version")),
        (INFER, body(name="features2"), (422, "input features2: unknown or given twice: the model has features")),
        (INFER, body(datatype="FP64"), (422, "input features datatype FP64: expected FP32")),
        (INFER, body(shape=[2, 32]), (422, "input features shape [2, 32]: expected [-1, 64]")),
        (INFER, body(shape=[64]), (422, "input features shape [64]: expected [-1, 64]")),
        (INFER, body(shape=[1, 63]), (422, "input features data 64 values: expected 63 for shape [1, 63]")),
        (INFER, body(shape=[0, 64], data=[]), (422, "input features shape [0, 64]: expected at least one row")),
        (INFER, {"inputs": []}, (422, "input features: missing")),
        (INFER, {**body(), "outputs": [{"name": "label"}]}, (422, "output label: unknown: the model has probability")),
        (
            INFER,
            {"inputs": body()["inputs"] * 2},
            (422, "input features: unknown or given twice: the model has features"),
        ),
    ],
)
def test_a_malformed_request_never_reaches_the_server(
    gateway: GatewayProcess, models: FakeModels, path: str, sent: dict[str, Any], refused: tuple[int, str]
) -> None:
    answer = gateway.client.post(path, json=sent)
    assert (answer.status_code, answer.json()["error"]) == refused
    assert models.calls == []


def test_what_is_no_json_is_400(gateway: GatewayProcess) -> None:
    answer = gateway.client.post(INFER, content=b"{", headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("body: not JSON: ")


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_request_is_unpacked_and_checked(gateway: GatewayProcess, encoding: str, packed: Any) -> None:
    headers = {**JSON, "content-encoding": encoding}
    answer = gateway.client.post(INFER, content=packed(json.dumps(body()).encode()), headers=headers)
    assert answer.json()["outputs"][0]["data"] == [0.25]
    broken = gateway.client.post(INFER, content=b"no " + encoding.encode(), headers=headers)
    assert broken.status_code == 400
    cut = gateway.client.post(INFER, content=packed(json.dumps(body()).encode())[:-9], headers=headers)
    assert (cut.status_code, cut.json()) == (400, {"error": f"body: not {encoding}: it ends too early"})


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(gateway: GatewayProcess) -> None:
    headers = {**JSON, "content-encoding": "gzip"}
    answer = gateway.client.post(INFER, content=gzip.compress(bytes(50_000_000), mtime=0), headers=headers)
    expected = {"error": "body over 8388608 bytes unpacked: expected at most 8388608"}
    assert (answer.status_code, answer.json()) == (413, expected)


def test_a_tensor_body_may_be_as_large_as_the_edge_allows(gateway: GatewayProcess) -> None:
    assert EdgeSettings().max_tensor_bytes == GatewaySettings().max_tensor_bytes == 8 * 1024 * 1024
    sent = json.dumps(body()).encode()
    most = sent + b" " * (8 * 1024 * 1024 - len(sent))
    assert gateway.client.post(INFER, content=most, headers=JSON).status_code == 200
    assert gateway.client.post(INFER, content=most + b" ", headers=JSON).status_code == 413


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"parameters": {"timeout": -1}}, "parameter timeout -1: expected a whole number, 0 or above"),
        ({"parameters": {"priority": True}}, "parameter priority true: expected a whole number, 0 or above"),
        ({"parameters": {"sequence_start": 1}}, "parameter sequence_start 1: expected true or false"),
        ({"parameters": {"triton_x": 1}}, "parameter triton_x 1: not to be used from here"),
        (
            {"outputs": [{"name": "probability", "parameters": {"classification": "x"}}]},
            'output probability classification "x": expected a whole number, 0 or above',
        ),
        (
            {"outputs": [{"name": "probability", "parameters": {"shared_memory_region": "x"}}]},
            "output probability shared_memory_region x: not to be used from here",
        ),
    ],
)
def test_a_parameter_that_the_server_cannot_read_is_400(
    gateway: GatewayProcess, models: FakeModels, changes: dict[str, Any], problem: str
) -> None:
    answer = gateway.client.post(INFER, json={**body(), **changes})
    assert (answer.status_code, answer.json()) == (400, {"error": problem})
    assert models.calls == []


def test_an_answer_that_is_no_number_is_422_in_json_and_itself_in_binary(
    gateway: GatewayProcess, models: FakeModels
) -> None:
    models.nan = True
    answer = gateway.client.post(INFER, json=body())
    problem = "tensor probability: holds NaN or infinity, which JSON lacks: ask for it as a binary tensor"
    assert (answer.status_code, answer.json()) == (422, {"error": problem})
    binary = gateway.client.post(INFER, json={**body(), "parameters": {"binary_data_output": True}})
    result = rest.decode_response(binary.content, binary.headers[rest.HEADER_LENGTH])
    assert np.isnan(result.outputs[0].data).all()


def test_health_is_answered_with_a_body_that_says_ready(gateway: GatewayProcess, models: FakeModels) -> None:
    models.silent = True
    assert gateway.client.get("/v2/health/ready").json() == {"ready": True}
    assert gateway.client.get("/v2/models/fraud/ready").json() == {"name": "fraud", "ready": True}


@pytest.mark.parametrize("status", [101, 204, 302, 599, 999])
def test_what_is_neither_an_answer_nor_a_refusal_is_503(
    gateway: GatewayProcess, models: FakeModels, status: int
) -> None:
    models.status = status
    assert gateway.client.post(INFER, json=body()).status_code == 503


def test_a_server_that_fails_or_is_away_is_503(gateway: GatewayProcess, models: FakeModels) -> None:
    models.status = 500
    assert gateway.client.post(INFER, json=body()).status_code == 503
    models.status = 200
    models.stop()
    try:
        away = gateway.client.post(INFER, json=body())
        assert (away.status_code, away.json()["error"][:29]) == (503, "model server: not reachable: ")
    finally:
        models.start()
    models.delay_s = 8  # within the gateway's own deadline
    slow = gateway.client.post(INFER, json=body(), headers={"x-request-timeout-ms": "1000"})
    assert (slow.status_code, slow.json()) == (504, {"error": "deadline: the model server did not answer in time"})
