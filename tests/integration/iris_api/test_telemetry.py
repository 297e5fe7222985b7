"""What the running service tells about itself: metrics, logs and traces, and what it keeps to itself."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from iris_api.adapters.arrow_stream import write_rows
from servekit.oip import inference_pb2_grpc, rpc
from servekit.oip.tensors import Inference, Tensor
from tests.patience import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.iris_process import IrisServer

ROW = np.array([[5.4321, 3.4567, 1.2345, 0.6789]], np.float32)
FLOWER = {"sepal_length_cm": 5.4321, "sepal_width_cm": 3.4567, "petal_length_cm": 1.2345, "petal_width_cm": 0.6789}
TENSOR = {
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.4321, 3.4567, 1.2345, 0.6789]}]
}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}
INFER = "/v2/models/{model}/infer"
GRPC_INFER = "/inference.GRPCInferenceService/ModelInfer"

Series = dict[tuple[str, ...], float]


@pytest.fixture
def client(iris_server: IrisServer) -> Any:
    with httpx.Client(base_url=iris_server.url) as client:
        yield client


def call_grpc(server: IrisServer, row: Any = ROW, **metadata: str) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]
        message = rpc.encode_request("iris", "1", Inference((Tensor("features", "FP32", row),)))
        try:
            stub.ModelInfer(message, metadata=tuple(metadata.items()), timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def whole_lines(text: str) -> list[dict[str, Any]]:
    """The JSON lines of a file that is being written to."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def counts(client: httpx.Client) -> Counter[tuple[str, ...]]:
    """Requests by endpoint, model, version and code."""
    samples = metrics(client)["serving_request_duration_seconds"]
    return Counter(
        {
            tuple(sample.labels[name] for name in ("level", "endpoint", "model", "version", "code")): int(sample.value)
            for sample in samples
            if sample.name.endswith("_count")
        }
    )


def metrics(client: httpx.Client) -> dict[str, list[Any]]:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family.samples for family in text_string_to_metric_families(answer.text)}


def test_every_call_is_counted_under_validated_labels(iris_server: IrisServer, client: httpx.Client) -> None:
    before = counts(client)
    client.post("/v1/predict", json=FLOWER)
    client.post("/v1/predict", json=[FLOWER] * 7)
    client.post("/v1/predict", json={})
    client.post("/v1/predict", content=b"x", headers={"content-type": "application/json"})
    client.post("/v1/predict", content=b"x")
    client.post("/v1/predict/arrow", content=write_rows(ROW), headers=ARROW)
    client.post("/v2/models/iris/infer", json=TENSOR)
    client.post("/v2/models/iris/versions/1/infer", json=TENSOR)
    client.post("/v2/models/evil-name/infer", json=TENSOR)
    client.post("/v2/models/iris/versions/evil-version/infer", json=TENSOR)
    client.get("/evil/path")
    client.get("/v1/predict")
    assert [call_grpc(iris_server), call_grpc(iris_server, -ROW)] == ["OK", "INVALID_ARGUMENT"]
    expected = {
        ("1", "/v1/predict", "iris", "1", "200"): 2,
        ("1", "/v1/predict", "iris", "1", "422"): 1,
        ("1", "/v1/predict", "iris", "1", "400"): 1,
        ("1", "/v1/predict", "", "", "415"): 1,
        ("1", "/v1/predict/arrow", "iris", "1", "200"): 1,
        ("1", INFER, "iris", "1", "200"): 1,
        ("1", "/v2/models/{model}/versions/{version}/infer", "iris", "1", "200"): 1,
        ("1", INFER, "", "", "404"): 1,
        ("1", "/v2/models/{model}/versions/{version}/infer", "", "", "404"): 1,
        ("1", "unmatched", "", "", "404"): 1,
        ("1", "/v1/predict", "", "", "405"): 1,
        ("1", GRPC_INFER, "iris", "1", "200"): 1,
        ("1", GRPC_INFER, "iris", "1", "422"): 1,
    }

    def new() -> dict[tuple[str, ...], int]:
        after = counts(client)
        after.subtract(before)
        return {key: value for key, value in after.items() if value and "/metrics" not in key}

    until(lambda: new() == expected, lambda: str(new()))  # a call that is aborted is counted after its answer
    assert "evil" not in client.get("/metrics").text


def test_the_metrics_have_the_names_every_dashboard_asks_for(client: httpx.Client, model_dir: Path) -> None:
    client.post("/v1/predict", json=FLOWER)
    families = metrics(client)
    steps = {sample.labels["step"] for sample in families["serving_step_duration_seconds"]}
    assert steps == {"decode", "infer", "encode"}
    (in_flight,) = families["serving_requests_in_flight"]
    assert (in_flight.labels, in_flight.value) == ({"level": "1"}, 1)  # the scrape itself
    (loaded,) = families["serving_model_info"]
    sha256 = json.loads((model_dir / "model.json").read_bytes())["sha256"]
    assert loaded.labels == {"level": "1", "model": "iris", "version": "1", "sha256": sha256}
    assert loaded.value == 1
    assert "process_resident_memory_bytes" in families
    assert any(name.startswith("serving_drift_psi") for name in families)


def test_an_answer_names_its_trace(client: httpx.Client) -> None:
    first, second = (client.post("/v1/predict", json=FLOWER).headers["x-trace-id"] for _ in range(2))
    assert first != second
    assert len(first) == len(second) == 32
    trace = "0af7651916cd43dd8448eb211c80319c"
    for path in ("/v1/predict", "/nope", "/v2/models/iris"):
        answer = client.post(path, json=FLOWER, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-00"})
        assert answer.headers["x-trace-id"] == trace


@pytest.mark.parametrize("over", ["HTTP", "gRPC"])
def test_a_sampled_request_leaves_spans(iris_server: IrisServer, client: httpx.Client, over: str) -> None:
    trace, caller = f"{'a' if over == 'HTTP' else 'b'}{'c' * 31}", "b7ad6b7169203331"
    traceparent = f"00-{trace}-{caller}-01"
    if over == "HTTP":
        client.post("/v1/predict", json=FLOWER, headers={"traceparent": traceparent})
    else:
        call_grpc(iris_server, traceparent=traceparent)
    file = iris_server.folder / "traces.jsonl"

    def spans() -> list[dict[str, Any]]:
        return [span for span in whole_lines(file.read_text()) if span["trace_id"] == trace]

    until(lambda: len(spans()) >= 4, file.read_text)
    by_name = {span["name"]: span for span in spans()}
    root = by_name.pop("POST /v1/predict" if over == "HTTP" else f"gRPC {GRPC_INFER}")
    assert (root["parent_span_id"], root["kind"], root["service"]) == (caller, "server", "iris-api")
    assert root["attributes"]["serving.model"] == "iris"
    assert list(by_name) == ["decode", "infer", "encode"]
    at = root["start_unix_ns"]
    for span in by_name.values():
        assert span["parent_span_id"] == root["span_id"]
        assert span["start_unix_ns"] == at
        at = span["end_unix_ns"]
    assert at <= root["end_unix_ns"]


def test_the_log_has_a_line_for_each_request_and_never_what_was_sent(
    iris_server: IrisServer, client: httpx.Client
) -> None:
    trace = "d" * 32
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-00"}
    client.post("/v1/predict", json=FLOWER, headers=headers)
    client.post("/v1/predict", json={**FLOWER, "petal_width_cm": -0.6789}, headers=headers)
    client.post("/v1/predict", json={**FLOWER, "secret-feature": 1}, headers=headers)
    client.post("/v2/models/secret-model/infer", json=TENSOR, headers=headers)
    client.post("/v1/predict/arrow", content=write_rows(-ROW), headers=headers | ARROW)
    client.get("/secret-path?secret=query", headers=headers)
    client.get("/readyz", headers=headers)

    def events() -> list[dict[str, Any]]:
        return [event for event in whole_lines(iris_server.stdout) if event.get("trace.id") == trace]

    until(lambda: len(events()) >= 6, lambda: iris_server.stdout)
    assert [event["message"] for event in events()] == [
        "POST /v1/predict 200",
        "POST /v1/predict 422",
        "POST /v1/predict 422",
        f"POST {INFER} 404",
        "POST /v1/predict/arrow 422",
        "GET unmatched 404",
    ]
    first = events()[0]
    assert (first["service.name"], first["log.level"], first["trace.id"]) == ("iris-api", "info", trace)
    assert (first["labels.model"], first["http.response.status_code"]) == ("iris", 200)
    told = iris_server.stdout + (iris_server.folder / "traces.jsonl").read_text() + iris_server.stderr
    assert not [secret for secret in ("5.4321", "0.6789", "secret") if secret in told]
