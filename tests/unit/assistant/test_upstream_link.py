"""What becomes of a model's server that does not send what the API says."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from assistant.adapters.upstream import UpstreamLink
from assistant.domain.contracts import ChatMessage
from assistant.domain.errors import EngineLostError
from assistant.domain.prompt import make_turns
from assistant.domain.wire import Generate, Said
from tests.patience import GENEROUS_S, async_until
from tests.tcp_server import port_of, tcp_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODELS = b'{"data":[{"id":"m","owned_by":"somebody"}]}'
PIECE = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
ERROR = b"HTTP/1.1 500 Oh\r\nconnection: close\r\n\r\n"


@asynccontextmanager
async def linked(answer: bytes, then: bytes) -> AsyncIterator[UpstreamLink]:
    """A link to a server that begins each completion so, and sends the rest for as long as somebody reads it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(MODELS) + MODELS)
            return
        writer.write(answer)
        with suppress(ConnectionError):
            while True:
                writer.write(then)
                await writer.drain()
                await asyncio.sleep(0)

    async with tcp_server(serve) as server:
        link = UpstreamLink(f"http://127.0.0.1:{port_of(server)}", "m", "r", 2048)
        link.start()
        try:
            await async_until(lambda: link.hello is not None, "connected")
            yield link
        finally:
            await link.stop()


def asked() -> Generate:
    return Generate(0, make_turns([ChatMessage("user", "Hello?")], None), 8)


@pytest.mark.parametrize(("answer", "pieces"), [(STREAM + PIECE, 1), (ERROR, 0)])
async def test_what_never_ends_a_line_is_given_up(answer: bytes, pieces: int, caplog: pytest.LogCaptureFixture) -> None:
    async with linked(answer, b"x" * 65536) as link:
        generation = link.generate(asked())
        for _ in range(pieces):
            event = await generation.next(GENEROUS_S)
            assert isinstance(event, Said)
            assert event.text == "Hello"
        with pytest.raises(EngineLostError):
            await generation.next(GENEROUS_S)
        generation.close()
    assert "more than 1,048,576 bytes without an end of line" in caplog.text


async def test_a_stream_of_many_lines_may_be_as_long_as_it_likes() -> None:
    async with linked(STREAM, b": a comment\n\n" * 5000 + PIECE) as link:
        generation = link.generate(asked())
        for _ in range(30):  # of 65 kB each
            assert isinstance(await generation.next(GENEROUS_S), Said)
        generation.close()
