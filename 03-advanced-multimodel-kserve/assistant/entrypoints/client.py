"""The caller of a request: whether it is still there, whether it reads, and what it has been sent."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from assistant.domain.errors import ClientGoneError
from servekit.asgi import begin_stream, send_answer

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

__all__ = ["Client"]

_Headers = list[tuple[bytes, bytes]]


class Client:
    """ASGI's two functions, with a time limit for each write.

    Args:
        receive: ASGI's.
        send: ASGI's.
        unread_s: how long a write may wait for the caller to read.
        trace: the trace's id, for the answer's header.
    """

    def __init__(self, receive: Any, send: Any, unread_s: float, trace: bytes) -> None:
        self.receive = receive
        self._send = send
        self._unread_s = unread_s
        self._trace = (b"x-trace-id", trace)
        self._streaming = self._ended = False

    async def until_gone(self, work: Coroutine[Any, Any, None]) -> None:
        """Does the work, unless the caller leaves meanwhile: then the work is cancelled at once.

        Raises:
            ClientGoneError: it left.
        """
        loop = asyncio.get_running_loop()
        working, leaving = loop.create_task(work), loop.create_task(self._gone())
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not (done := working.done()):
                working.cancel()
            leaving.cancel()
            results = await asyncio.gather(working, leaving, return_exceptions=True)
        if not done:
            raise ClientGoneError
        if isinstance(results[0], BaseException):
            raise results[0]

    async def answer(self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Sends a whole answer."""
        self._ended = True
        await self._within(send_answer(self._send, status, body, [*headers, self._trace]))

    async def begin(self) -> None:
        """Begins a stream of events; the body's end is told by `end`."""
        headers: _Headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            self._trace,
        ]
        self._streaming = True
        await self._within(begin_stream(self._send, HTTPStatus.OK, headers))

    async def write(self, body: bytes) -> None:
        """Sends a part of the stream."""
        await self._within(self._send({"type": "http.response.body", "body": body, "more_body": True}))

    async def end(self, body: bytes) -> None:
        """Sends the stream's last part."""
        self._ended = True
        await self._within(self._send({"type": "http.response.body", "body": body}))

    async def fail(self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Sends an error: as the answer, or as the last event of a stream that has begun."""
        if self._ended:
            return
        if self._streaming:
            await self.end(b"data: " + body + b"\n\n")
        else:
            await self.answer(status, body, headers)

    async def _within(self, sending: Any) -> None:
        try:
            async with asyncio.timeout(self._unread_s):
                await sending
        except TimeoutError:
            raise ClientGoneError from None

    async def _gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
