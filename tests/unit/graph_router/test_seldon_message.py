from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_router.adapters import prediction_pb2 as pb
from graph_router.adapters.seldon_message import (
    Message,
    completed,
    read_answer,
    read_feedback,
    read_prediction,
    route_of,
    routing_of,
    status_json,
)
from servekit.errors import MalformedError


def test_json_and_protobuf_are_the_same_message() -> None:
    text = {
        "meta": {"puid": "p", "tags": {"k": 1.5, "on": True}, "routing": {"r": 1}, "requestPath": {"m": "image:1"}},
        "data": {"names": ["a"], "tensor": {"shape": [1, 2], "values": [0.5, -1]}},
    }
    proto = Message(json.dumps(text).encode()).proto(pb.SeldonMessage)
    assert proto.data.tensor.values[:] == [0.5, -1]
    assert json.loads(Message(proto=proto).json) == text


def test_bytes_are_base64_in_json_and_themselves_in_protobuf() -> None:
    proto = pb.SeldonMessage(binData=bytes(range(256)))
    again = Message(Message(proto=proto).json).proto(pb.SeldonMessage)
    assert again.binData == bytes(range(256))


def test_a_form_that_was_made_once_is_kept() -> None:
    message = Message(b'{"strData":"x"}')
    assert message.proto(pb.SeldonMessage) is message.proto(pb.SeldonMessage)


def test_json_that_protobuf_cannot_hold_is_malformed() -> None:
    with pytest.raises(MalformedError, match="message: expected a SeldonMessage: "):
        Message(b'{"strData": 5}').proto(pb.SeldonMessage)


def test_the_clients_puid_wins_and_its_meta_is_kept() -> None:
    message, puid = read_prediction(b'{"strData": "x", "meta": {"puid": "own", "tags": {"a": 1}}}', "made")
    assert puid == "own"
    assert json.loads(message.json) == {"strData": "x", "meta": {"puid": "own", "tags": {"a": 1}}}
    message, puid = read_prediction(b'{"strData": "x"}', "made")
    assert (puid, json.loads(message.json)["meta"]) == ("made", {"puid": "made"})


def test_a_null_meta_is_no_meta() -> None:
    message, _ = read_prediction(b'{"strData": "x", "meta": null}', "made")
    assert json.loads(message.json)["meta"] == {"puid": "made"}


@given(st.binary() | st.text().map(str.encode) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["meta", "data", "strData", "binData", "tensor", "shape", "values", "puid"]) | st.text(), inner
    ),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_whatever_is_sent_is_read_or_malformed(body: bytes) -> None:
    try:
        message, _ = read_prediction(body, "p")
    except MalformedError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, nothing else is
    else:
        assert json.loads(message.json)["meta"]["puid"]
    try:
        read_feedback(body)
    except MalformedError as error:
        assert str(error)  # noqa: PT017


def test_an_answer_gets_its_puid_and_routing_and_keeps_the_rest() -> None:
    answer = Message(b'{"strData": "x", "meta": {"tags": {"a": 1}, "metrics": []}}')
    assert json.loads(completed(answer, "p", None))["meta"] == {"tags": {"a": 1}, "metrics": [], "puid": "p"}
    assert json.loads(completed(answer, "p", {"r": 1}))["meta"]["routing"] == {"r": 1}
    assert json.loads(completed(Message(b'{"strData": "x"}'), "p", None))["meta"] == {"puid": "p"}
    assert json.loads(completed(Message(b'{"strData": "x", "meta": null}'), "p", None))["meta"] == {"puid": "p"}


@pytest.mark.parametrize("answer", [b"", b"hello", b"[1,2]", b"5", b'{"meta": 5}', b'{"data": [NaN]}', b'{"a": \xff}'])
def test_what_is_no_message_is_no_answer(answer: bytes) -> None:
    with pytest.raises(MalformedError, match="message: "):
        read_answer("m", answer)
    assert read_answer("m", b'{"strData": "x"}').step == "m"


@pytest.mark.parametrize(
    ("answer", "route"),
    [
        (b'{"data": {"ndarray": [[1]]}}', 1),
        (b'{"data": {"ndarray": [2]}}', 2),
        (b'{"data": {"tensor": {"shape": [1, 1], "values": [-1.0]}}}', -1),
        (b"[3]", 3),
    ],
)
def test_a_route_is_the_first_number(answer: bytes, route: int) -> None:
    assert route_of(Message(answer)) == route


@pytest.mark.parametrize(
    "answer", [b"{}", b'{"data": {"ndarray": []}}', b'{"data": {"ndarray": ["x"]}}', b"{", b"null"]
)
def test_no_route_is_malformed(answer: bytes) -> None:
    with pytest.raises(MalformedError, match="route: expected the number of a child as the only value"):
        route_of(Message(answer))


HUGE = "1" + "0" * 400


@pytest.mark.parametrize("part", ["request", "response", "truth"])
@pytest.mark.parametrize("value", [HUGE, f"-{HUGE}", f'[{{"a": {HUGE}}}]'])
def test_a_number_that_no_double_holds_is_malformed_wherever_it_stands(part: str, value: str) -> None:
    message = b'{"jsonData": %b}' % value.encode()
    expectation = r"message -?1000\S+ of 40[12] digits: expected numbers that fit a double"
    with pytest.raises(MalformedError, match=expectation):
        read_feedback(b'{"%b": %b}' % (part.encode(), message))
    with pytest.raises(MalformedError, match=expectation):
        read_answer("step", message)


def test_digits_in_a_text_are_no_number() -> None:
    assert read_prediction(b'{"strData": "%b"}' % HUGE.encode(), "made")[1] == "made"


def test_a_feedback_says_which_way_its_answer_took() -> None:
    assert routing_of(read_feedback(b'{"response": {"strData": "x", "meta": {"routing": {"r": 1}}}}')) == {"r": 1}
    assert routing_of(read_feedback(b'{"reward": 1}')) == {}


def test_a_failed_message_is_what_the_executor_sends() -> None:
    decoded = json.loads(status_json(503, "STEP_UNAVAILABLE", "step model: gone"))
    assert decoded == {
        "status": {"code": 503, "info": "step model: gone", "reason": "STEP_UNAVAILABLE", "status": "FAILURE"}
    }
    assert Message(status_json(503, "R", "i")).proto(pb.SeldonMessage).status.status == pb.Status.FAILURE
