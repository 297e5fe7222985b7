"""What the promise's cancellations prove: only what would have gone on can be ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from assistant.load.engine_alone import ShortAnswerError, cancellations
from tests.scripted_batch import ScriptedBatch, running_engine
from tests.tcp_server import port_of, tcp_server

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path


async def measured(tokens: int, folder: Path, whole: str = "200 OK") -> list[float]:
    """Two cancellations of an assistant whose answers have so many tokens, and the status of the answer after them."""
    statuses = ["200 OK", "200 OK", whole]
    usage = {"prompt_tokens": 9, "completion_tokens": tokens}
    chunks = [{"choices": [{"delta": {"content": "It is"}}]}, {"choices": [], "usage": usage}]
    events = "".join(f"data: {json.dumps(each, separators=(',', ':'))}\n\n" for each in chunks) + "data: [DONE]\n\n"
    head = "content-type: text/event-stream\r\nconnection: close\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {statuses.pop(0)}\r\n{head}{events}".encode())
        await writer.drain()

    path = folder / "engine.sock"
    with running_engine(path, ScriptedBatch()):
        async with tcp_server(serve) as server:
            return await cancellations(f"http://127.0.0.1:{port_of(server)}", path, 3, times=2)


async def test_each_cancellation_is_timed(tmp_path: Path) -> None:
    assert len(await measured(200, tmp_path)) == 2


async def test_an_answer_that_ends_soon_by_itself_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ShortAnswerError, match="answered in 10 tokens, expected 200"):
        await measured(10, tmp_path)


async def test_an_answer_that_is_refused_is_no_short_one(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="status 503"):
        await measured(200, tmp_path, "503 Service Unavailable")
