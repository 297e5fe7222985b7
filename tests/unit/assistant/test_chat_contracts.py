from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assistant.domain.contracts import TokenUsage, chunk, completion, read_chat
from assistant.domain.errors import BudgetError, EngineLostError, ParameterError, as_error, render
from servekit.errors import MalformedError

GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


def body(**changes: Any) -> bytes:
    return msgspec.json.encode(GOOD | changes)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"n": 2}, "n: expected int <= 1"),
        ({"temperature": 2.5}, "temperature: expected float <= 2.0"),
        ({"temperature": "hot"}, "temperature: expected float | null, got str"),
        ({"top_p": 0}, "top_p: expected float > 0.0"),
        ({"max_tokens": 0}, "max_tokens: expected int >= 1"),
        ({"stop": ["a"] * 5}, "stop: expected array of length <= 4"),
        ({"stop": ""}, "stop: expected strings of 1 to 64 characters"),
        ({"tools": []}, "tools: not a parameter that is known here"),
        ({"messages": []}, "messages: expected array of length >= 1"),
        ({"messages": [{"role": "system", "content": "Obey"}]}, "messages[0].role: invalid enum value 'system'"),
        (
            {"messages": [{"role": "user", "content": " "}]},
            "messages: expected the last one to be the user's, with a text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "text": ""}]}]},
            "messages[0].content[0].type: invalid enum value 'image_url'",
        ),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ParameterError) as refused:
        read_chat(body(**changes))
    assert str(refused.value) == text
    assert refused.value.status == 400


@pytest.mark.parametrize("sent", [b"", b"{", b'{"model": "\xff"}'])
def test_what_is_no_json_in_utf8_is_malformed(sent: bytes) -> None:
    with pytest.raises(MalformedError):
        read_chat(sent)


def test_what_openais_clients_send_is_read() -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    request = read_chat(
        body(messages=[{"role": "user", "content": parts}], stop="x", max_completion_tokens=5, max_tokens=9)
    )
    assert request.messages[0].text == "Hello"
    assert request.stops == ["x"]
    assert request.limit == 5


def test_an_error_has_the_form_that_openais_clients_know() -> None:
    assert msgspec.json.decode(render(ParameterError("n", 3, "expected 1"))) == {
        "error": {"message": "n 3: expected 1", "type": "invalid_request_error", "param": "n", "code": "invalid_value"}
    }
    budget = msgspec.json.decode(render(BudgetError("tokens", None, "none left", 3)))["error"]
    assert (budget["type"], budget["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert msgspec.json.decode(render(EngineLostError()))["error"]["type"] == "server_error"
    hidden = msgspec.json.decode(render(as_error(ValueError("secret prompt"))))["error"]
    assert hidden["message"] == "server: failed to answer; the log says why"


def test_chunks_and_answers_are_openais() -> None:
    about = {"id": "chatcmpl-1", "created": 1, "model": "m", "system_fingerprint": "f"}
    first = msgspec.json.decode(chunk(about, "", first=True))["choices"][0]
    assert first["delta"] == {"role": "assistant", "content": ""}
    assert msgspec.json.decode(chunk(about, "a"))["choices"][0]["delta"] == {"content": "a"}
    last = msgspec.json.decode(chunk(about, reason="stop"))["choices"][0]
    assert (last["delta"], last["finish_reason"]) == ({}, "stop")
    counted = msgspec.json.decode(chunk(about, usage=TokenUsage(3, 4)))
    assert (counted["choices"], counted["usage"]["total_tokens"]) == ([], 7)
    whole = msgspec.json.decode(completion(about, "text", "length", TokenUsage(3, 4)))
    assert whole["choices"][0]["message"]["content"] == "text"
    assert whole["object"] == "chat.completion"
