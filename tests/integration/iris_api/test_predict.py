"""``POST /v1/predict``: right answers to valid flowers; to everything else the status and the sentence that helps."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from iris_api.adapters.model_monitor import ModelMonitor
from iris_api.adapters.onnx_model import OnnxModel
from iris_api.bootstrap import create_app
from iris_api.domain.flower import CLASS_NAMES, FEATURES, as_dict
from iris_api.service.predictor import Predictor
from iris_api.settings import IrisSettings
from servekit.telemetry import TelemetrySettings
from tests.patience import GENEROUS_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iris_api.training.golden import Golden
    from tests.iris_process import StartIris

JSON = {"content-type": "application/json"}
NAMES = ", ".join(FEATURES)
FLOWER = '{"sepal_length_cm": %s, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}'
VALID = FLOWER % "5.1"
MEGABYTE = 1024 * 1024


async def post(client: httpx.AsyncClient, body: str | bytes) -> tuple[int, Any]:
    answer = await client.post("/v1/predict", content=body, headers=JSON)
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


async def test_one_flower_gets_scikit_learns_answer(iris_client: httpx.AsyncClient, golden: Golden) -> None:
    status, answer = await post(iris_client, json.dumps(as_dict(golden.features[0])))
    assert status == 200
    (prediction,) = answer.pop("predictions")
    assert answer == {"model": "iris", "version": "1"}
    assert prediction.pop("probabilities") == pytest.approx(golden.probabilities[0], abs=1e-5)
    assert prediction == {"label": 0, "class_name": "setosa"}


async def test_a_batch_gets_an_answer_for_each_flower_in_order(iris_client: httpx.AsyncClient, golden: Golden) -> None:
    order = np.random.default_rng(7).permutation(150)
    status, answer = await post(iris_client, json.dumps([as_dict(row) for row in golden.features[order]]))
    assert status == 200
    predictions = answer["predictions"]
    assert [each["label"] for each in predictions] == golden.labels[order].tolist()
    assert [each["class_name"] for each in predictions] == [CLASS_NAMES[label] for label in golden.labels[order]]
    assert np.allclose([each["probabilities"] for each in predictions], golden.probabilities[order], rtol=0, atol=1e-5)


async def test_a_json_prediction_is_made_by_the_use_case(model_dir: Path) -> None:
    class Counted(Predictor):
        asked = 0

        def predict_checked(self, rows: Any) -> Any:
            self.asked += len(rows)
            return super().predict_checked(rows)

    model = OnnxModel(model_dir)
    predictor, mine = Counted(model), (IrisSettings(), TelemetrySettings())
    app = create_app(*mine, predictor, ModelMonitor(model), registry=CollectorRegistry(), log_descriptor=2)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://iris") as client:
        assert (await post(client, VALID))[0] == (await post(client, f"[{VALID}, {VALID}]"))[0] == 200
    assert predictor.asked == 3


@pytest.mark.parametrize("length", ["0", "-0.0", "100", "100.0", "1e-400", "1E1", "5"])
async def test_lengths_at_the_limits_are_valid(iris_client: httpx.AsyncClient, length: str) -> None:
    assert (await post(iris_client, FLOWER % length))[0] == 200


async def test_names_may_come_in_any_order_and_escaped(iris_client: httpx.AsyncClient) -> None:
    plain = await post(iris_client, VALID)
    shuffled = '{"petal_width_cm":0.2,"sepal_width_cm":3.5,"petal_length_cm":1.4,"\\u0073epal_length_cm":5.1}'
    assert await post(iris_client, shuffled) == plain


async def test_a_batch_of_more_than_a_thousand_flowers_is_refused(iris_client: httpx.AsyncClient) -> None:
    status, answer = await post(iris_client, f"[{','.join([VALID] * 1000)}]")
    assert (status, len(answer["predictions"])) == (200, 1000)
    status, answer = await post(iris_client, f"[{','.join([VALID] * 1001)}]")
    expected = "flowers 1001 in the list: expected 1 to 1000; larger batches travel as Arrow"
    assert (status, answer) == (422, {"error": expected})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("hello", "Expecting value: line 1 column 1 (char 0)"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("  ", "Expecting value: line 1 column 3 (char 2)"),
        (VALID[:23], "Expecting ',' delimiter: line 1 column 24 (char 23)"),
        (VALID[:-1], "Expecting ',' delimiter: line 1 column 94 (char 93)"),
        (f"[{VALID}", "Expecting ',' delimiter: line 1 column 96 (char 95)"),
        (f"{VALID} x", "Extra data: line 1 column 96 (char 95)"),
        (VALID * 2, "Extra data: line 1 column 95 (char 94)"),
        (FLOWER % "05", "Expecting ',' delimiter: line 1 column 22 (char 21)"),
        (FLOWER % "+5", "Expecting value: line 1 column 21 (char 20)"),
        (FLOWER % ".5", "Expecting value: line 1 column 21 (char 20)"),
        (VALID.replace('"', "'"), "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (f"\ufeff{VALID}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
        (b"\xff\xfe", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (
            (FLOWER % '"\xff"').encode("latin-1"),
            "'utf-8' codec can't decode byte 0xff in position 21: invalid start byte",
        ),
        (VALID.encode("utf-16"), "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (VALID.encode("utf-32-le"), "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
async def test_not_json_is_malformed(iris_client: httpx.AsyncClient, body: str | bytes, reason: str) -> None:
    assert await post(iris_client, body) == (400, {"error": f"body: not JSON: {reason}"})


@pytest.mark.parametrize(
    "body", ["[" * 100_000, "[" * 50_000 + "]" * 50_000, '{"a":' * 50_000 + "1" + "}" * 50_000, FLOWER % ("[" * 50_000)]
)
async def test_deep_nesting_is_malformed(iris_client: httpx.AsyncClient, body: str) -> None:
    expected = "body: nested too deeply: expected a flower or a list of flowers"
    assert await post(iris_client, body) == (400, {"error": expected})


@pytest.mark.parametrize("depth", range(800, 1100, 7))
async def test_nesting_near_the_limit_is_refused(iris_client: httpx.AsyncClient, depth: int) -> None:
    status, answer = await post(iris_client, FLOWER % ("[" * depth + "]" * depth))
    assert status in {400, 422}
    assert set(answer) == {"error"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('"5.1"', '"5.1"'),
        ("true", "true"),
        ("null", "null"),
        ("[5.1]", "[5.1]"),
        ('{"cm": 5.1}', '{"cm": 5.1}'),
        ('"\\ud800"', '"\\ud800"'),
        (f'"{"x" * 200}"', f'"{"x" * 78}…'),
    ],
)
async def test_a_value_that_is_no_number_is_refused(iris_client: httpx.AsyncClient, value: str, shown: str) -> None:
    expected = f"flower.sepal_length_cm {shown}: expected a number of cm"
    assert await post(iris_client, FLOWER % value) == (422, {"error": expected})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("1e999", "Infinity"),
        ("-1e999", "-Infinity"),
        ("-0.1", "-0.1"),
        ("-1", "-1"),
        ("100.0001", "100.0001"),
        ("101", "101"),
        ("1e30", "1e+30"),
        ("9" * 30, "9" * 30),
        ("1" + "0" * 400, "Infinity"),
        ("9" * 5000, "Infinity"),
        ("-" + "9" * 5000, "-Infinity"),
    ],
)
async def test_a_number_that_is_no_length_is_refused(iris_client: httpx.AsyncClient, value: str, shown: str) -> None:
    expected = f"flower.sepal_length_cm {shown}: expected a length from 0 to 100 cm"
    assert await post(iris_client, FLOWER % value) == (422, {"error": expected})


@pytest.mark.parametrize("name", FEATURES)
async def test_a_missing_feature_is_named(iris_client: httpx.AsyncClient, name: str) -> None:
    flower = json.loads(VALID)
    del flower[name]
    expected = f"flower.{name}: missing: expected a length in cm"
    assert await post(iris_client, json.dumps(flower)) == (422, {"error": expected})


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("colour", '"colour"'),
        ("", '""'),
        ("Sepal_Length_cm", '"Sepal_Length_cm"'),
        ("länge", '"l\\u00e4nge"'),
        ("\ud800", '"\\ud800"'),
        ("x" * 200, f'"{"x" * 78}…'),
    ],
)
async def test_an_unknown_feature_is_named(iris_client: httpx.AsyncClient, name: str, shown: str) -> None:
    expected = f"flower feature {shown}: unknown: expected only {NAMES}"
    assert await post(iris_client, json.dumps({**json.loads(VALID), name: 1})) == (422, {"error": expected})


@pytest.mark.parametrize("first", ["5.1", "4", '"x"', "null"])
async def test_a_feature_given_twice_is_refused(iris_client: httpx.AsyncClient, first: str) -> None:
    body = f'{{"petal_width_cm": {first}, {VALID[1:]}'
    expected = "petal_width_cm: given more than once: expected a length in cm"
    assert await post(iris_client, body) == (422, {"error": f"flower.{expected}"})
    assert await post(iris_client, f"[{VALID}, {body}]") == (422, {"error": f"flowers[1].{expected}"})


@pytest.mark.parametrize("value", ["null", "true", "3", '"setosa"'])
async def test_a_document_that_is_no_flower_is_refused(iris_client: httpx.AsyncClient, value: str) -> None:
    expected = f"expected an object with {NAMES}"
    assert await post(iris_client, value) == (422, {"error": f"flower {value}: {expected}"})
    assert await post(iris_client, f"[{value}]") == (422, {"error": f"flowers[0] {value}: {expected}"})


async def test_an_empty_object_misses_its_first_feature(iris_client: httpx.AsyncClient) -> None:
    expected = "flower.sepal_length_cm: missing: expected a length in cm"
    assert await post(iris_client, "{}") == (422, {"error": expected})


async def test_an_empty_batch_is_refused(iris_client: httpx.AsyncClient) -> None:
    assert await post(iris_client, "[]") == (422, {"error": "flowers 0 in the list: expected 1 to 1000"})


@pytest.mark.parametrize(
    ("flower", "problem"),
    [
        (FLOWER % "-1", ".sepal_length_cm -1: expected a length from 0 to 100 cm"),
        (FLOWER % '"x"', '.sepal_length_cm "x": expected a number of cm'),
        ("[]", f" []: expected an object with {NAMES}"),
        ("{}", ".sepal_length_cm: missing: expected a length in cm"),
    ],
)
async def test_a_problem_in_a_batch_names_its_row(iris_client: httpx.AsyncClient, flower: str, problem: str) -> None:
    body = f"[{','.join([VALID] * 700 + [flower] + [VALID] * 299)}]"
    assert await post(iris_client, body) == (422, {"error": f"flowers[700]{problem}"})


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (None, ": missing: expected application/json"),
        ("", ": missing: expected application/json"),
        ("text/plain", " text/plain: expected application/json"),
        ("application/jsonx", " application/jsonx: expected application/json"),
        ("application/x-www-form-urlencoded", " application/x-www-form-urlencoded: expected application/json"),
        ("x" * 200, f" {'x' * 79}…: expected application/json"),
    ],
)
async def test_another_content_type_is_refused(iris_client: httpx.AsyncClient, sent: str | None, problem: str) -> None:
    headers = {} if sent is None else {"content-type": sent}
    answer = await iris_client.post("/v1/predict", content=VALID, headers=headers)
    assert (answer.status_code, answer.json()) == (415, {"error": f"content-type{problem}"})


@pytest.mark.parametrize("sent", ["application/json; charset=utf-8", "Application/JSON", "application/json ;q=1"])
async def test_a_content_type_may_carry_parameters(iris_client: httpx.AsyncClient, sent: str) -> None:
    answer = await iris_client.post("/v1/predict", content=VALID, headers={"content-type": sent})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/arrow", "/v2/models/iris/infer"])
async def test_a_body_over_the_limit_is_refused_by_its_announced_length(
    iris_client: httpx.AsyncClient, path: str
) -> None:
    answer = await iris_client.post(path, content=b" " * (10 * MEGABYTE + 1), headers=JSON)
    expected = "body 10485761 bytes: expected at most 10485760"
    assert (answer.status_code, answer.json()) == (413, {"error": expected})


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/arrow", "/v2/models/iris/infer"])
async def test_a_body_in_chunks_is_refused_once_it_is_over_the_limit(iris_client: httpx.AsyncClient, path: str) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * MEGABYTE

    answer = await iris_client.post(path, content=chunks(), headers=JSON)
    expected = "body over 10485760 bytes: expected at most 10485760"
    assert (answer.status_code, answer.json()) == (413, {"error": expected})
    assert sent == 11


async def test_a_body_in_chunks_up_to_the_limit_is_read(iris_client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield VALID[:19].encode()
        for _ in range(9):
            yield b" " * MEGABYTE
        yield VALID[19:].encode()

    answer = await iris_client.post("/v1/predict", content=chunks(), headers=JSON)
    assert answer.status_code == 200


async def test_a_caller_that_leaves_early_is_not_answered_with_a_prediction(iris_app: Any) -> None:
    incoming = iter([{"type": "http.request", "body": VALID.encode(), "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": headers, "query_string": b""}
    await iris_app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"]) == {"error": f"body {len(VALID)} bytes: the caller left before its end"}


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/arrow", "/v2/models/iris/infer"])
async def test_other_methods_are_not_allowed(iris_client: httpx.AsyncClient, path: str, method: str) -> None:
    answer = await iris_client.request(method, path)
    assert (answer.status_code, answer.json()) == (405, {"error": f"method {method}: not allowed here"})
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/", "/nope", "/v1", "/v1/predict/", "/v2/", "/redoc", "/v2/models//infer"])
async def test_an_unknown_path_is_not_found(iris_client: httpx.AsyncClient, path: str, method: str) -> None:
    answer = await iris_client.request(method, path)
    expected = f"path {path}: no such endpoint: see /docs"
    assert (answer.status_code, answer.json()) == (404, {"error": expected})


async def test_health_and_readiness_are_answered(iris_client: httpx.AsyncClient) -> None:
    assert (await iris_client.get("/healthz")).json() == {"status": "alive"}
    assert (await iris_client.get("/readyz")).json() == {"status": "ready"}
    assert (await iris_client.post("/healthz")).json() == {"error": "method POST: not allowed here"}


def test_over_the_wire_a_refused_body_leaves_the_connection_usable(iris_server: Any) -> None:
    with httpx.Client(base_url=iris_server.url) as client:
        assert client.post("/v1/predict", content=b" " * (11 * MEGABYTE), headers=JSON).status_code == 413
        chunks = (b" " * MEGABYTE for _ in range(12))
        assert client.post("/v1/predict", content=chunks, headers=JSON).status_code == 413
        assert client.post("/v1/predict", content=VALID, headers=JSON).status_code == 200


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_body_is_read(iris_client: httpx.AsyncClient, encoding: str, pack: Any) -> None:
    plain = await post(iris_client, VALID)
    headers = {**JSON, "content-encoding": encoding}
    answer = await iris_client.post("/v1/predict", content=pack(VALID.encode()), headers=headers)
    assert (answer.status_code, answer.json()) == plain
    other = await iris_client.post("/v1/predict", content=b"x", headers={**JSON, "content-encoding": "br"})
    told = {"error": "content-encoding br: expected gzip, deflate or identity"}
    assert (other.status_code, other.json()) == (415, told)
    bomb = gzip.compress(bytes(50 * MEGABYTE), mtime=0)
    huge = await iris_client.post("/v1/predict", content=bomb, headers={**JSON, "content-encoding": "gzip"})
    told = {"error": "body over 10485760 bytes unpacked: expected at most 10485760"}
    assert (huge.status_code, huge.json()) == (413, told)


def test_a_body_that_does_not_come_in_time_is_408(start_iris: StartIris) -> None:
    server = start_iris(IRIS_RECEIVE_TIMEOUT_S="2").wait_ready()
    head = b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", server.port), timeout=GENEROUS_S) as slow:
        slow.sendall(head)
        answer = b"".join(iter(lambda: slow.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert answer.endswith(b'{"error":"body 1 bytes: expected the rest of it within 2 s"}')
    assert server.stop() == 0
