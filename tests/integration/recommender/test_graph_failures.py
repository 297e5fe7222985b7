"""What a client is told when a step, or the client itself, does something wrong."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.struct_pb2 import ListValue, Value

from graph_router.adapters import prediction_pb2 as pb
from tests.integration.recommender.broken_steps import PREDICTIONS, alone, answering, http, refusing
from tests.integration.recommender.microservice import Letters, Routed, deployment
from tests.patience import async_until
from tests.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

OVER = pytest.mark.parametrize("over", ["REST", "GRPC"])


def nobody(name: str, over: str = "REST") -> dict[str, Any]:
    """A unit whose process is not there."""
    http, grpc = free_ports(2)
    endpoint = {"service_host": "127.0.0.1", "type": over, "httpPort": http, "grpcPort": grpc}
    return {"name": name, "type": "MODEL", "endpoint": endpoint}


async def counted(client: httpx.AsyncClient, series: str) -> list[str]:
    """The lines of the router's metrics that begin so, of what has happened at least once."""
    lines = (await client.get("/metrics")).text.splitlines()
    return [line for line in lines if line.startswith(series) and not line.endswith(" 0.0")]


@OVER
async def test_a_step_that_is_not_there_is_503_and_named(letters: Letters, routed: Routed, over: str) -> None:
    gone = nobody("model", over)
    client = routed(alone(letters[0].unit("TRANSFORMER", gone)))
    answer = await client.post(PREDICTIONS, json={"strData": "x"})
    assert answer.status_code == 503
    status = answer.json()["status"]
    assert (status["code"], status["reason"], status["status"]) == (503, "STEP_UNAVAILABLE", "FAILURE")
    port = gone["endpoint"]["grpcPort" if over == "GRPC" else "httpPort"]
    why = "gRPC UNAVAILABLE" if over == "GRPC" else "connection refused"
    assert status["info"] == f"step model: 127.0.0.1:{port}: {why}: try again"
    (failed,) = await counted(client, 'seldon_api_executor_client_requests_seconds_count{code="503"')
    assert 'model_name="model"' in failed
    ready = await client.get("/ready")
    assert ready.status_code == 503
    assert "step model" in ready.json()["status"]["info"]
    assert (await client.get("/live")).status_code == 200


async def test_a_canary_that_fails_is_named_as_the_predictor_that_failed(letters: Letters, routed: Routed) -> None:
    canary = {"name": "canary", "graph": nobody("model"), "traffic": 10, "annotations": {"version": "2"}}
    stable = {"name": "default", "graph": letters[0].unit("MODEL"), "traffic": 90, "annotations": {"version": "1"}}
    client = routed(deployment(stable, canary))
    answer = await client.post(PREDICTIONS, json={"strData": "x"}, headers={"seldon-predictor": "canary"})
    assert (answer.status_code, answer.headers["seldon-predictor"]) == (503, "canary")
    (failed,) = await counted(client, 'seldon_api_executor_server_requests_seconds_count{code="503"')
    assert failed.endswith('predictor_name="canary",predictor_version="2",service="predictions"} 1.0')


@OVER
async def test_a_slow_step_is_504_after_its_annotated_time_and_named(
    letters: Letters, routed: Routed, over: str
) -> None:
    annotations = {"seldon.io/rest-timeout": "150", "seldon.io/grpc-timeout": "150"}
    client = routed(alone(letters[1].unit("MODEL", name="model", over=over), annotations=annotations))
    answer = await client.post(PREDICTIONS, json={"strData": "x b:sleep=0.6"})
    assert answer.status_code == 504
    assert answer.json()["status"]["info"] == "step model: no answer within 150 ms"
    assert answer.json()["status"]["reason"] == "STEP_TIMEOUT"
    told: list[str] = []

    async def answered() -> bool:
        after = await client.post(PREDICTIONS, json={"strData": "y"})
        told.extend([after.json()["strData"]] if after.status_code == 200 else [])
        return bool(told)

    await async_until(answered)  # within 150 ms, which a busy machine may need several times
    assert told == ["y b.predict"]  # and not the late answer of the one before


async def test_a_steps_own_error_reaches_the_client_as_it_is(letters: Letters, routed: Routed) -> None:
    a, b = letters
    client = routed(alone(a.unit("OUTPUT_TRANSFORMER", b.unit("MODEL"))))
    answer = await client.post(PREDICTIONS, json={"strData": "x b:fail=422"})
    assert answer.status_code == 422
    assert answer.json()["status"] == {"code": -1, "info": "told to fail", "reason": "TOLD", "status": 1}


async def test_a_refusal_over_grpc_reaches_the_client_as_one_over_rest_does(routed: Routed) -> None:
    status = pb.Status(code=422, info="k 0: too few", reason="InvalidValueError", status=pb.Status.FAILURE)
    unspecific = pb.Status(code=-1, info="broken", status=pb.Status.FAILURE)
    async with refusing(status, unspecific) as port:
        endpoint = {"service_host": "127.0.0.1", "type": "GRPC", "grpcPort": port}
        client = routed(alone({"name": "m", "type": "MODEL", "endpoint": endpoint}))
        refused = await client.post(PREDICTIONS, json={"strData": "x"})
        failed = await client.post(PREDICTIONS, json={"strData": "x"})
    assert refused.status_code == 422
    told = {"code": 422, "info": "k 0: too few", "reason": "InvalidValueError", "status": "FAILURE"}
    assert refused.json()["status"] == told
    assert (failed.status_code, failed.json()["status"]["info"]) == (500, "broken")
    metrics = (await client.get("/metrics")).text
    for code in ("422", "500"):
        assert f'client_requests_seconds_count{{code="{code}",deployment_name="test",method="unary"' in metrics


async def test_an_error_of_one_child_is_the_answer_of_a_combiner(letters: Letters, routed: Routed) -> None:
    a, b = letters
    client = routed(alone(a.unit("COMBINER", a.unit("MODEL", name="m"), b.unit("MODEL"), name="c")))
    assert (await client.post(PREDICTIONS, json={"strData": "x b:fail=422"})).status_code == 422


async def test_over_grpc_an_exception_in_a_step_is_500_and_named(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL", over="GRPC")))
    answer = await client.post(PREDICTIONS, json={"strData": "x a:fail=422"})
    assert answer.status_code == 500
    assert "step a: 127.0.0.1:" in answer.json()["status"]["info"]
    assert "gRPC UNKNOWN" in answer.json()["status"]["info"]


async def test_a_route_that_no_child_has_is_502(letters: Letters, routed: Routed) -> None:
    a, b = letters
    client = routed(alone(a.unit("ROUTER", b.unit("MODEL"), name="r")))
    answer = await client.post(PREDICTIONS, json={"strData": "x route=7"})
    assert answer.status_code == 502
    assert answer.json()["status"]["info"] == "step r: route 7: expected 0 to 0, -1 or -2"


@pytest.mark.parametrize(
    ("body", "info"),
    [
        (b"", "message: Input data was truncated"),
        (b"{", "message: Input data was truncated"),
        (b"[1]", "message: Expected `object`, got `array`"),
        (b'{"strDatum": "x"}', "message: Object contains unknown field `strDatum`"),
        (b"{}", "message with no payload: expected one of data, binData, strData, jsonData, customData"),
        (b'{"strData": "x", "jsonData": 1}', "message with strData and jsonData: expected one of data, "),
        (b'{"strData": 5}', "message: Expected `str | null`, got `int` - at `$.strData`"),
        (b'{"strData": "x", "meta": {"puid": 7}}', "message: Expected `str | null`, got `int` - at `$.meta.puid`"),
        (b'{"binData": "%%%"}', "message: Invalid base64 encoded string - at `$.binData`"),
        (b'{"data": {}}', "data: expected one of tensor, ndarray, tftensor"),
        (b'{"data": {"tensor": {"shape": [2], "values": [1]}}}', "data.tensor 1 values: expected 2 for shape [2]"),
        (b'{"strData": "\xff"}', "message: "),
        (b'{"data": null}', "message with no payload: "),
        (b'{"strData": "x", "meta": {"puid": "a\\r\\nX-Injected: yes"}}', r"meta.puid 'a\r\nX-Injected: yes': "),
        (b'{"strData": "x", "meta": {"puid": "a\\u0000"}}', r"meta.puid 'a\x00': expected 1 to 256 printable ASCII"),
        (b'{"strData": "x", "meta": {"puid": "\\u00e9"}}', r"meta.puid '\xe9': "),
        (b'{"strData": "x", "meta": {"puid": "' + b"a" * 257 + b'"}}', "meta.puid 'aaa"),
    ],
)
async def test_a_malformed_message_is_400_and_says_why(
    letters: Letters, routed: Routed, body: bytes, info: str
) -> None:
    client = routed(alone(letters[0].unit("MODEL")))
    answer = await client.post(PREDICTIONS, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    status = answer.json()["status"]
    assert (status["code"], status["reason"], status["status"]) == (400, "MICROSERVICE_BAD_DATA", "FAILURE")
    assert status["info"].startswith(info)


async def test_other_refusals_have_their_own_status(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL")), max_body_bytes=1024)
    refused = [
        await client.post(PREDICTIONS, content=b"x", headers={"content-type": "text/plain"}),
        await client.post(PREDICTIONS, json={"strData": "x" * 2000}),
        await client.get(PREDICTIONS),
        await client.post("/api/v1.0/prediction", json={"strData": "x"}),
        await client.get("/api/v1.0/metadata/"),
        await client.post("/api/v1.0/feedback", json={"reward": "much"}),
    ]
    assert [each.status_code for each in refused] == [415, 413, 405, 404, 404, 400]
    infos = [each.json()["status"]["info"] for each in refused]
    assert infos[0] == "content-type text/plain: expected application/json"
    assert infos[1] == "body 2014 bytes: expected at most 1024"
    assert infos[2] == "method GET: expected POST"


async def test_a_compressed_message_is_read_and_its_steps_get_it_plain(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL")))
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    plain = await client.post(PREDICTIONS, json={"strData": "x"})
    packed = await client.post(PREDICTIONS, content=gzip.compress(b'{"strData": "x"}', mtime=0), headers=headers)
    assert (packed.status_code, packed.json()["strData"]) == (200, plain.json()["strData"])
    other = await client.post(PREDICTIONS, content=b"x", headers={**headers, "content-encoding": "br"})
    assert other.status_code == 415
    assert other.json()["status"]["info"] == "content-encoding br: expected gzip, deflate or identity"


async def test_a_message_that_does_not_come_in_time_is_408(letters: Letters, routed: Routed) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    client = routed(alone(letters[0].unit("MODEL")), receive_timeout_s=0.05)
    late = await client.post(PREDICTIONS, content=half(), headers={"content-type": "application/json"})
    assert (late.status_code, late.headers["connection"]) == (408, "close")
    assert late.json()["status"]["info"] == "body 1 bytes: expected the rest of it within 0.05 s"


async def test_a_null_field_of_a_message_is_absent(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL")))
    sent = {
        "data": None, "jsonData": None, "status": None, "strData": "x",
        "meta": {"puid": None, "tags": None, "routing": None, "metrics": None, "requestPath": None},
    }  # fmt: skip
    answer = await client.post(PREDICTIONS, json=sent)
    assert (answer.status_code, answer.json()["strData"]) == (200, "x a.predict")
    feedback = {"reward": None, "request": None, "response": {"strData": "x", "meta": {"routing": None}}}
    assert (await client.post("/api/v1.0/feedback", json=feedback)).status_code == 200


async def test_a_puid_in_the_header_is_checked_like_one_in_the_body(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL")))
    for path, body in ((PREDICTIONS, {"strData": "x"}), ("/api/v1.0/feedback", {"reward": 1})):
        for puid in (b"a" * 257, b"\xe9"):
            answer = await client.post(path, json=body, headers=[(b"seldon-puid", puid)])
            assert answer.status_code == 400
            assert answer.json()["status"]["info"].startswith("header seldon-puid '")


async def test_a_header_that_no_step_would_take_is_431_and_named(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL")))
    big = await client.post(PREDICTIONS, json={"strData": "x"}, headers={"x-big": "a" * 9000})
    many = await client.post(PREDICTIONS, json={"strData": "x"}, headers={f"x-{n}": "a" for n in range(100)})
    assert (big.status_code, many.status_code) == (431, 431)
    assert big.json()["status"]["info"] == "header x-big 9005 bytes: expected at most 8000"
    assert many.json()["status"]["info"].startswith("headers 10")
    most = await client.post(PREDICTIONS, json={"strData": "x"}, headers={"x-big": "a" * 7990})
    assert most.status_code == 200


BROKEN = {
    "no JSON": http("200 OK", b"hello"),
    "a list": http("200 OK", b"[1,2]"),
    "nothing": http("200 OK"),
    "NaN": http("200 OK", b'{"data":{"ndarray":[NaN]}}'),
    "what is no text": http("200 OK", b'{"strData":"\xff"}'),
    "what no float can hold": http("200 OK", b'{"data":{"ndarray":[1e999]}}'),
    "meta of another type": http("200 OK", b'{"strData":"x","meta":5}'),
    "204": http("204 No Content"),
    "302": http("302 Found", more="location: http://127.0.0.1:9/\r\n"),
    "101": http("101 Switching Protocols", more="connection: upgrade\r\nupgrade: x\r\n"),
    "999": http("999 What"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("operation", ["predict", "combine", "feedback"])
async def test_a_steps_broken_answer_is_502_and_names_it(
    letters: Letters, routed: Routed, answer: bytes, operation: str
) -> None:
    async with answering(answer) as port:
        kind = "COMBINER" if operation == "combine" else "MODEL"
        unit: dict[str, Any] = {"name": "broken", "type": kind}
        unit["endpoint"] = {"service_host": "127.0.0.1", "httpPort": port}
        if operation == "combine":
            unit["children"] = [letters[0].unit("MODEL")]
        client = routed(alone(unit))
        path, body = ("feedback", {"reward": 1}) if operation == "feedback" else ("predictions", {"strData": "x"})
        answered = await client.post(f"/api/v1.0/{path}", json=body)
        assert answered.status_code == 502
        status = answered.json()["status"]
        assert status["reason"] == "STEP_BAD_ANSWER"
        assert status["info"].startswith(f"step broken: 127.0.0.1:{port}: ")
        assert 'code="502"' in (await client.get("/metrics")).text


@pytest.mark.parametrize("answer", [http("200 OK", b"hello"), http("302 Found"), http("999 What")])
async def test_broken_metadata_and_health_of_a_step_are_502(routed: Routed, answer: bytes) -> None:
    async with answering(answer) as port:
        endpoint = {"service_host": "127.0.0.1", "httpPort": port}
        client = routed(alone({"name": "broken", "type": "MODEL", "endpoint": endpoint}))
        for path in ("metadata", "metadata/broken", "status/broken"):
            answered = await client.get(f"/api/v1.0/{path}")
            assert (answered.status_code, answered.json()["status"]["reason"]) == (502, "STEP_BAD_ANSWER")


@pytest.mark.parametrize(
    "data",
    [
        pb.DefaultData(tensor=pb.Tensor(shape=[1], values=[float("nan")])),
        pb.DefaultData(ndarray=ListValue(values=[Value(number_value=float("inf"))])),
    ],
    ids=["tensor", "ndarray"],
)
async def test_numbers_over_grpc_that_json_lacks_are_the_steps_fault(routed: Routed, data: pb.DefaultData) -> None:
    async with refusing(pb.SeldonMessage(data=data)) as port:
        endpoint = {"service_host": "127.0.0.1", "type": "GRPC", "grpcPort": port}
        answer = await routed(alone({"name": "m", "type": "MODEL", "endpoint": endpoint})).post(
            PREDICTIONS, json={"strData": "x"}
        )
    assert (answer.status_code, answer.json()["status"]["reason"]) == (502, "STEP_BAD_ANSWER")
    assert answer.json()["status"]["info"].startswith("step m: ")


async def test_json_that_protobuf_cannot_hold_is_its_givers_fault(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL", over="GRPC")))
    sent = {"data": {"tensor": {"shape": [1], "values": [1.0]}, "names": ["x"]}, "meta": {"routing": {"r": 1 << 40}}}
    answer = await client.post(PREDICTIONS, json=sent)
    assert answer.status_code == 400
    assert answer.json()["status"]["info"].startswith("message: expected a SeldonMessage: ")
    async with answering(http("200 OK", b'{"strData":5}')) as port:
        endpoint = {"service_host": "127.0.0.1", "httpPort": port}
        child = letters[0].unit("MODEL", over="GRPC")
        client = routed(alone({"name": "first", "type": "TRANSFORMER", "endpoint": endpoint, "children": [child]}))
        answer = await client.post(PREDICTIONS, json={"strData": "x"})
    assert answer.status_code == 502
    assert answer.json()["status"]["info"].startswith(f"step first: 127.0.0.1:{port}: message: Expected `str | null`")


async def test_a_step_that_does_not_speak_http_is_unavailable(routed: Routed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        endpoint = {"service_host": "127.0.0.1", "httpPort": server.getsockname()[1]}
        client = routed(alone({"name": "m", "type": "MODEL", "endpoint": endpoint}))
        answer = await client.post(PREDICTIONS, json={"strData": "x"})
        thread.join()
    assert answer.status_code == 503
    assert answer.json()["status"]["info"].endswith("not http: try again")
