"""A stream of OpenAI's API in the engine's events: as vLLM sends it, as others do, and as nobody should."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from assistant.adapters.upstream_stream import AnswerStream
from assistant.domain.wire import Accepted, Finished, Refused, Said


def line(choice: dict[str, Any] | None = None, tokens: int | None = None, **more: Any) -> bytes:
    chunk: dict[str, Any] = {"object": "chat.completion.chunk", "choices": [] if choice is None else [choice], **more}
    if tokens is not None:
        chunk["usage"] = {"prompt_tokens": 31, "completion_tokens": tokens, "total_tokens": 31 + tokens}
    return b"data: " + json.dumps(chunk).encode()


def piece(content: str | None, reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": reason}


def test_tokens_are_counted_as_the_server_tells_them_with_each_piece() -> None:
    stream = AnswerStream(7)
    first = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    lines = [line(first, 0), line(piece("It costs"), 2), line(piece(" 5 EUR."), 6), line(piece("", "stop"), 7)]
    events = [event for each in [*lines, line(None, 7), b"data: [DONE]"] for event in stream.read(each)]
    assert events == [
        Accepted(7, 31), Said(7, "It costs", 2), Said(7, " 5 EUR.", 4), Said(7, "", 1), Finished(7, "stop"),
    ]  # fmt: skip
    assert stream.ended


def test_where_only_the_end_tells_them_a_piece_counts_as_one_until_then() -> None:
    stream = AnswerStream(1)
    lines = [line(piece("a")), line(piece("b")), line(piece(None, "length")), line(None, 4), b"data: [DONE]"]
    events = [event for each in lines for event in stream.read(each)]
    assert events == [Said(1, "a", 1), Said(1, "b", 1), Accepted(1, 31), Said(1, "", 2), Finished(1, "length")]


@pytest.mark.parametrize("ignored", [b"", b": still there", b"event: message", b"id: 1"])
def test_what_is_no_data_is_no_event(ignored: bytes) -> None:
    assert AnswerStream(1).read(ignored) == []


def test_an_error_within_the_stream_is_the_last_event() -> None:
    stream = AnswerStream(1)
    said = b'data: {"error": {"message": "out of blocks", "type": "InternalServerError", "code": 500}}'
    assert stream.read(said) == [Refused(1, "engine_failed", "out of blocks")]
    assert stream.ended


@pytest.mark.parametrize("wrong", [b"data: {", b'data: {"choices": 3}', b"data: [DONE]"])
def test_what_the_api_does_not_send_is_an_error(wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        AnswerStream(1).read(wrong)


@pytest.mark.parametrize(
    ("status", "problem", "code"),
    [
        (400, "This model's maximum context length is 2048 tokens.", "context_length_exceeded"),  # vLLM
        (400, "request (4000 tokens) exceeds the available context size", "context_length_exceeded"),  # llama.cpp
        (400, "top_p: expected less", "engine_failed"),
        (500, "context lost", "engine_failed"),
    ],
)
def test_a_refusal_says_whether_the_prompt_is_too_long(
    status: int, problem: str, code: Literal["context_length_exceeded", "engine_failed"]
) -> None:
    refused = AnswerStream(3).refusal(status, json.dumps({"error": {"message": problem}}).encode())
    assert refused == Refused(3, code, problem)


def test_a_refusal_without_a_text_has_its_status() -> None:
    assert AnswerStream(3).refusal(404, b"<html>") == Refused(3, "engine_failed", "status 404")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_nobody_there_is_no_refusal(status: int) -> None:
    with pytest.raises(ConnectionRefusedError, match=f"status {status}"):
        AnswerStream(1).refusal(status, b"no healthy upstream")
