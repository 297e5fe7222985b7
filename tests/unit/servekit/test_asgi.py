from __future__ import annotations

from typing import Any

import pytest

from servekit.asgi import check_media_type, header, run_lifespan, send_answer
from servekit.errors import MediaTypeError

JSON = b"application/json"


class Wire:
    """Both ends of an application: what it receives, what it has sent."""

    def __init__(self, *messages: str) -> None:
        self._messages = list(messages)
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        return {"type": self._messages.pop(0)}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


def test_a_header_is_found_by_its_name() -> None:
    scope = {"headers": [(b"host", b"x"), (b"content-type", JSON)]}
    assert header(scope, b"content-type") == JSON
    assert header(scope, b"accept") is None


@pytest.mark.parametrize("sent", [JSON, b"Application/JSON; charset=utf-8", b"application/json ;q=1"])
def test_a_media_type_counts_whatever_its_case_and_parameters(sent: bytes) -> None:
    check_media_type(sent, b"text/plain", JSON)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (None, "content-type: missing: expected text/plain or application/json"),
        (b"", "content-type: missing: expected text/plain or application/json"),
        (b"text/html", "content-type text/html: expected text/plain or application/json"),
    ],
)
def test_another_media_type_is_refused_by_name(sent: bytes | None, text: str) -> None:
    with pytest.raises(MediaTypeError) as refused:
        check_media_type(sent, b"text/plain", JSON)
    assert str(refused.value) == text


async def test_an_answer_has_its_length_beside_the_headers_it_was_given() -> None:
    wire, headers = Wire(), [(b"content-type", JSON)]
    await send_answer(wire.send, 201, b"{}", headers)
    assert wire.sent == [
        {"type": "http.response.start", "status": 201, "headers": [(b"content-type", JSON), (b"content-length", b"2")]},
        {"type": "http.response.body", "body": b"{}"},
    ]
    assert headers == [(b"content-type", JSON)]


async def test_an_application_starts_before_the_first_request_and_closes_after_the_last_answer() -> None:
    wire, done = Wire("lifespan.startup", "lifespan.shutdown"), list[str]()

    async def close() -> None:
        done.append("closed")

    await run_lifespan(wire.receive, wire.send, close, lambda: done.append("started"))
    assert done == ["started", "closed"]
    assert [each["type"] for each in wire.sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
