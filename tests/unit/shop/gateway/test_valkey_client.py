"""The lean client of Valkey, against servers that do what servers do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from shop.gateway.adapters.valkey import Valkey, ValkeyError, pack
from tests.patience import async_until
from tests.tcp_server import port_of, tcp_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PING = pack((b"PING",))


@asynccontextmanager
async def serving(*replies: bytes) -> AsyncIterator[tuple[Valkey, list[bytes], asyncio.Server]]:
    """A client of a server that answers each read with these bytes in turn; with none it says nothing."""
    received: list[bytes] = []
    turn = iter(replies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            received.append(data)
            writer.write(next(turn, b""))

    async with tcp_server(serve) as server:
        valkey = Valkey("127.0.0.1", port_of(server))
        try:
            yield valkey, received, server
        finally:
            valkey.close()


async def test_a_command_gets_its_reply() -> None:
    async with serving(b"*3\r\n$1\r\na\r\n$-1\r\n$0\r\n\r\n") as (valkey, received, _):
        assert await valkey.ask(pack((b"MGET", "i:1", "i:2", "i:3")), 5) == [b"a", None, b""]
    assert received == [b"*4\r\n$4\r\nMGET\r\n$3\r\ni:1\r\n$3\r\ni:2\r\n$3\r\ni:3\r\n"]


async def test_replies_are_in_the_commands_order_and_what_was_only_told_takes_none() -> None:
    async with serving(b"", b"", b":1\r\n:2\r\n:3\r\n") as (valkey, received, _):
        first = asyncio.ensure_future(valkey.ask(PING, 5))
        await async_until(lambda: len(received) == 1)
        valkey.tell(PING)
        await async_until(lambda: len(received) == 2)
        assert await valkey.ask(PING, 5) == 3
        assert await first == 1


async def test_several_commands_get_their_replies_at_once() -> None:
    async with serving(b"+OK\r\n$1\r\nx\r\n") as (valkey, received, _):
        assert await valkey.ask_all(PING + PING, 2, 5) == [b"OK", b"x"]
    assert received == [PING + PING]


async def test_an_error_is_raised_and_the_connection_goes_on() -> None:
    async with serving(b"-LOADING not yet\r\n", b"+PONG\r\n") as (valkey, _, __):
        with pytest.raises(ValkeyError, match="LOADING not yet"):
            await valkey.ask(PING, 5)
        assert await valkey.ask(PING, 5) == b"PONG"


async def test_a_late_reply_is_nobody_elses() -> None:
    async with serving(b"+PONG\r\n", b"", b":1\r\n:2\r\n") as (valkey, _, __):
        assert await valkey.ask(PING, 5) == b"PONG"
        with pytest.raises(TimeoutError, match="no reply in time"):
            await valkey.ask(PING, 0.05)
        assert await valkey.ask(PING, 5) == 2


async def test_a_server_that_hangs_is_left_after_many_late_replies() -> None:
    async with serving(b"+PONG\r\n") as (valkey, _, __):
        assert await valkey.ask(PING, 5) == b"PONG"
        asked = [valkey.ask(PING, 0.02) for _ in range(70)]
        failures = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(each) for each in failures} <= {TimeoutError, ConnectionResetError}
        assert valkey._link is not None
        assert valkey._link.closed


async def test_what_is_no_reply_ends_the_connection() -> None:
    async with serving(b"HTTP/1.1 400 Bad Request\r\n") as (valkey, _, __):
        with pytest.raises(ConnectionAbortedError, match="not RESP"):
            await valkey.ask(PING, 5)


UNASKED = {
    "a reply": b"+PONG\r\n+OTHERS\r\n",
    "the beginning of one": b"+PONG\r\n$6\r\nOTH",
    "the beginning of a list": b"+PONG\r\n*2\r\n:1\r\n",
    "what is no reply": b"+PONG\r\nHTTP/1.1",
}


@pytest.mark.parametrize("first", UNASKED.values(), ids=UNASKED)
async def test_what_comes_beyond_the_replies_is_nobodys(first: bytes) -> None:
    async with serving(first, b"+OURS\r\n") as (valkey, _, __):
        assert await valkey.ask(PING, 5) == b"PONG"
        assert valkey._link is not None
        assert valkey._link.closed
        assert await valkey.ask(PING, 5) == b"OURS"


@pytest.mark.parametrize("unasked", [b"+OTHERS\r\n", b"$6\r\nOTH"])
async def test_what_comes_unasked_is_nobodys(unasked: bytes) -> None:
    async with serving(b"+PONG\r\n", b"+OURS\r\n") as (valkey, _, __):
        assert await valkey.ask(PING, 5) == b"PONG"
        assert valkey._link is not None
        valkey._link.data_received(unasked)
        assert valkey._link.closed
        assert await valkey.ask(PING, 5) == b"OURS"


async def test_after_a_failure_it_does_not_try_again_at_once() -> None:
    async with serving() as (valkey, _, server):
        server.close()
        await server.wait_closed()
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                await valkey.ask(PING, 5)
        valkey.tell(PING)  # dropped


async def test_the_client_connects_again_after_a_lost_connection() -> None:
    async with serving(b"+PONG\r\n", b"+PONG\r\n") as (valkey, _, __):
        assert await valkey.ask(PING, 5) == b"PONG"
        assert valkey._link is not None
        link = valkey._link
        link._transport.abort()
        await async_until(lambda: link.closed, "closed")
        assert await valkey.ask(PING, 5) == b"PONG"
