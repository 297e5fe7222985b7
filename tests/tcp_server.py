"""A server for tests, whose connections end with it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["accept_no_more", "loop_turns", "port_of", "tcp_server"]

_TURNS = 10
"""Of the loop, until an accepted connection has its handler, or an aborted one is closed; it takes three."""


@asynccontextmanager
async def tcp_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], port: int = 0
) -> AsyncIterator[asyncio.Server]:
    """A server on 127.0.0.1 that serves each connection so; at the end it aborts them, those just accepted too.

    `asyncio.Server.close` leaves them open. What the loop then ends before its handler has begun is closed by nobody,
    and some later test is blamed when the garbage collector finds it.
    """
    open_: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_[writer] = asyncio.current_task()
        try:
            await serve(reader, writer)
        finally:
            del open_[writer]
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    try:
        yield server
    finally:
        await accept_no_more(server)
        server.close()
        handlers = [handler for handler in open_.values() if handler]
        for writer in open_:
            writer.transport.abort()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await loop_turns()


async def accept_no_more(server: asyncio.Server) -> None:
    """Hands over what was accepted, and accepts nothing else: `asyncio.Server.close` loses what is on its way.

    A transport asserts that its server is open. One that is made just after raises, unseen, and keeps its socket.
    """
    for each in server.sockets:
        asyncio.get_running_loop().remove_reader(each.fileno())
    await loop_turns()


def port_of(server: asyncio.Server) -> int:
    """Where it listens."""
    port: int = server.sockets[0].getsockname()[1]
    return port


async def loop_turns() -> None:
    """Lets everything happen that waits for nothing else."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
