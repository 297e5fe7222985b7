"""Whose fault it was: what a step gives is not held against the client, nor what a client sends against a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.struct_pb2 import Value

from graph_router.adapters import prediction_pb2 as pb
from tests.integration.recommender.broken_steps import PREDICTIONS, alone, answering, http, refusing
from tests.integration.recommender.microservice import Letters, Routed, deployment
from tests.patience import async_until

if TYPE_CHECKING:
    import httpx

DEEP = b"[" * 5_000 + b"]" * 5_000
NO_MESSAGE = {
    "no payload": (b"{}", "message with no payload: "),
    "two": (b'{"strData":"x","jsonData":1}', "message with strData and jsonData: "),
    "null": (b'{"strData":null}', "message with no payload: "),
    "another type": (b'{"strData":5}', "message: Expected `str | null`, got `int`"),
    "no base64": (b'{"binData":"%%%"}', "message: Invalid base64 encoded string"),
    "no data": (b'{"data":{}}', "data: expected one of "),
    "another shape": (b'{"data":{"tensor":{"shape":[2],"values":[1]}}}', "data.tensor 1 values: expected 2 for shape"),
    "scores that are no numbers": (b'{"data":{"tensor":{"shape":[1],"values":["NaN"]}}}', "message: Expected `float`"),
    "no shape": (b'{"data":{"tensor":{"shape":[-1,-1],"values":[1]}}}', "data.tensor 1 values: expected 1 for shape"),
}


def over_rest(port: int, *children: dict[str, Any], kind: str = "TRANSFORMER") -> dict[str, Any]:
    endpoint = {"service_host": "127.0.0.1", "httpPort": port}
    return {"name": "broken", "type": kind, "endpoint": endpoint, "children": list(children)}


def over_grpc(port: int) -> dict[str, Any]:
    return {"name": "m", "type": "MODEL", "endpoint": {"service_host": "127.0.0.1", "type": "GRPC", "grpcPort": port}}


def failure(answer: httpx.Response) -> tuple[int, str, str]:
    status = answer.json()["status"]
    return answer.status_code, status["reason"], status["info"]


@pytest.mark.parametrize(("answer", "why"), NO_MESSAGE.values(), ids=NO_MESSAGE)
async def test_a_steps_answer_is_held_to_what_a_clients_message_is(
    letters: Letters, routed: Routed, answer: bytes, why: str
) -> None:
    async with answering(http("200 OK", answer)) as port:
        client = routed(alone(over_rest(port, letters[0].unit("MODEL"))))  # which would say 400 of such a message
        status, reason, info = failure(await client.post(PREDICTIONS, json={"strData": "x"}))
        assert (status, reason) == (502, "STEP_BAD_ANSWER")
        assert info.startswith(f"step broken: 127.0.0.1:{port}: {why}")


async def test_what_a_step_adds_to_the_protocol_is_passed_on(routed: Routed) -> None:
    async with answering(http("200 OK", b'{"strData":"x","more":1,"meta":{"more":2}}')) as port:
        answer = await routed(alone(over_rest(port, kind="MODEL"))).post(PREDICTIONS, json={"strData": "x"})
        assert (answer.json()["more"], answer.json()["meta"]["more"]) == (1, 2)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (pb.SeldonMessage(), "message with no payload: "),
        (pb.SeldonMessage(data=pb.DefaultData()), "data: expected one of "),
        (pb.SeldonMessage(data=pb.DefaultData(tensor=pb.Tensor(shape=[2], values=[1]))), "data.tensor 1 values: "),
        (pb.SeldonMessage(customData=AnyMessage(type_url="x/nobodys")), "expected values that JSON can hold: "),
        (pb.SeldonMessage(meta=pb.Meta(tags={"a": Value(number_value=float("nan"))}), strData="x"), "expected values "),
    ],
    ids=["no payload", "no data", "another shape", "a type that is not known", "a tag that is no number"],
)
async def test_over_grpc_a_broken_answer_is_502_and_names_the_step(
    routed: Routed, answer: pb.SeldonMessage, why: str
) -> None:
    async with refusing(answer) as port:
        status, reason, info = failure(await routed(alone(over_grpc(port))).post(PREDICTIONS, json={"strData": "x"}))
    assert (status, reason) == (502, "STEP_BAD_ANSWER")
    assert info.startswith("step m: ")
    assert why in info


@pytest.mark.parametrize("body", [DEEP, b'{"a":"\xff"}', b"hello", b""], ids=["deep", "no text", "no JSON", "nothing"])
async def test_an_error_that_cannot_be_passed_on_is_told_in_the_routers_words(routed: Routed, body: bytes) -> None:
    async with answering(http("500 Internal Server Error", body)) as port:
        answer = await routed(alone(over_rest(port, kind="MODEL"))).post(PREDICTIONS, json={"strData": "x"})
        assert failure(answer) == (500, "STEP_FAILED", f"step broken: 127.0.0.1:{port}: HTTP 500")


@pytest.mark.parametrize("body", [DEEP, b'{"name":"\xff"}', b"null"], ids=["deep", "no text", "null"])
async def test_invalid_metadata_are_the_steps_fault(routed: Routed, body: bytes) -> None:
    async with answering(http("200 OK", body)) as port:
        answer = await routed(alone(over_rest(port, kind="MODEL"))).get("/api/v1.0/metadata")
        assert failure(answer)[:2] == (502, "STEP_BAD_ANSWER")


@pytest.mark.parametrize("route", [b"hello", DEEP, b"[]", b'{"data":{"ndarray":[1e999]}}', b'"\xff"'])
async def test_an_answer_without_a_route_is_the_routers_fault(letters: Letters, routed: Routed, route: bytes) -> None:
    async with answering(http("200 OK", route)) as port:
        client = routed(alone(over_rest(port, letters[0].unit("MODEL"), kind="ROUTER")))
        status, reason, info = failure(await client.post(PREDICTIONS, json={"strData": "x"}))
        assert (status, reason) == (502, "STEP_BAD_ANSWER")
        assert info.startswith("step broken: route: ")


async def test_a_wrong_route_in_feedback_is_the_clients_fault(letters: Letters, routed: Routed) -> None:
    a, b = letters
    client = routed(alone(a.unit("ROUTER", b.unit("MODEL"), name="r")))
    sent = {"reward": 1, "response": {"strData": "x", "meta": {"routing": {"r": 7}}}}
    status, _, info = failure(await client.post("/api/v1.0/feedback", json=sent))
    assert (status, info) == (422, "response.meta.routing.r 7: expected 0 to 0, -1 or -2")


async def test_what_a_client_sends_is_not_counted_as_a_steps_failure(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL", over="GRPC")))
    answer = await client.post(PREDICTIONS, json={"customData": {"@type": "x/nobodys"}})
    assert failure(answer)[0] == 400
    lines = (await client.get("/metrics")).text.splitlines()
    counted = [line for line in lines if "_requests_seconds_count{" in line and not line.endswith(" 0.0")]
    assert [line.partition("{")[0] for line in counted] == ["seldon_api_executor_server_requests_seconds_count"]
    assert 'code="400"' in counted[0]


async def test_a_copy_that_a_shadow_cannot_take_has_failed_and_no_more(letters: Letters, routed: Routed) -> None:
    a, b = letters
    live = {"name": "default", "graph": a.unit("MODEL"), "traffic": 100}
    shadow = {"name": "dark", "graph": b.unit("MODEL", over="GRPC"), "shadow": True, "traffic": 100}
    client = routed(deployment(live, shadow))
    assert (await client.post(PREDICTIONS, json={"customData": {"@type": "x/nobodys"}})).status_code < 500

    async def failed() -> bool:
        return 'predictor_name="dark",result="failed"} 1.0' in (await client.get("/metrics")).text

    await async_until(failed)


async def test_what_a_client_says_of_its_connection_and_its_body_is_not_said_to_a_step(routed: Routed) -> None:
    own = {"connection": "keep-alive", "proxy-connection": "close", "content-encoding": "identity", "te": "trailers"}
    heard: list[bytes] = []
    async with answering(http("200 OK", b'{"strData":"x"}'), heard) as port:
        client = routed(alone(over_rest(port, kind="MODEL")))
        await client.post(PREDICTIONS, json={"strData": "x"}, headers={**own, "x-passed": "on"})
    names = [line.partition(b":")[0].decode() for line in heard[0].split(b"\r\n")[1:-2]]
    assert not set(own) & set(names)
    assert "x-passed" in names
    assert len(set(names)) == len(names)


async def test_headers_that_grpc_cannot_take_are_left_out_or_431(letters: Letters, routed: Routed) -> None:
    client = routed(alone(letters[0].unit("MODEL", over="GRPC")))
    odd = await client.post(PREDICTIONS, json={"strData": "x"}, headers={"x!odd~": "a", "x_a": "b", "x-bin": "c"})
    assert odd.json()["strData"] == "x a.predict"
    puid = {"seldon-puid": "a" * 256}
    most = await client.post(
        PREDICTIONS, json={"strData": "x"}, headers={**puid, "x-a": "a" * 3_200, "x-b": "b" * 3_200}
    )
    assert most.status_code == 200
    big = await client.post(PREDICTIONS, json={"strData": "x"}, headers={"x-a": "a" * 3_000, "x-b": "b" * 4_500})
    status, _, info = failure(big)
    assert (status, info.partition(" bytes: ")[2]) == (431, "expected at most 7000 for step a, the largest is x-b")
