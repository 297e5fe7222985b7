"""Whoever asks the assistant from the command line sends the API key that it was given."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from assistant.commands import client
from assistant.load.engine_alone import cancellations
from assistant.load.streams import Asked, offer
from tests.tcp_server import port_of, tcp_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

ASKED = Asked(3, "What does it cost?", 8)
REFUSAL = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


async def offered(url: str, _: Path) -> None:
    assert {each.status for each in await offer(url, 100, 0.05, [ASKED], seed=1)} == {401}


async def cancelled(url: str, folder: Path) -> None:
    async def engine(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_unix_server(engine, folder / "engine.sock"):
        with pytest.raises(httpx.HTTPStatusError, match="401 Unauthorized"):
            await cancellations(url, folder / "engine.sock", ASKED.item, times=1)


async def by_hand(_: str, __: Path) -> None:
    assert await asyncio.to_thread(client.main) == 2


@pytest.mark.parametrize("call", [offered, cancelled, by_hand])
async def test_the_key_is_in_every_request(
    call: Callable[[str, Path], Awaitable[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(REFUSAL)
        await writer.drain()

    monkeypatch.setenv("SHOP_API_KEY", "the-key-of-the-web")
    async with tcp_server(serve) as server:
        url = f"http://127.0.0.1:{port_of(server)}"
        monkeypatch.setenv("URL", url)
        await call(url, tmp_path)
    assert heads
    assert all("\r\nx-api-key: the-key-of-the-web\r\n" in head for head in heads)
