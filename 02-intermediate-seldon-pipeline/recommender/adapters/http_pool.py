"""Keep-alive HTTP/1.1 connections to one server, with as little between the router and its steps as possible.

A general client spends more on a call (URL parsing, header objects, redirects, cookies) than a step on its answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, cast

import httptools

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HttpPool", "HttpReply"]


class HttpReply(NamedTuple):
    """A whole answer; ``content_type`` is empty where there is none."""

    status: int
    content_type: bytes
    body: bytes


class HttpPool:
    """Connections to ``host:port``, opened as needed; an idle one is reused, the newest first.

    Raises `OSError` where the server cannot be reached or breaks the connection, and for what is not HTTP.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._host = f"{host}:{port}".encode()
        self._idle: list[_Connection] = []

    async def post(self, path: str, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> HttpReply:
        """Sends JSON and reads the whole answer."""
        extra = b"".join(b"%b: %b\r\n" % header for header in headers)
        head = b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
        return await self._send(head % (path.encode(), self._host, len(body), extra) + body)

    async def get(self, path: str) -> HttpReply:
        """Reads the whole answer to a GET."""
        return await self._send(b"GET %b HTTP/1.1\r\nhost: %b\r\n\r\n" % (path.encode(), self._host))

    def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop().close()

    async def _send(self, request: bytes) -> HttpReply:
        while self._idle:
            connection = self._idle.pop()
            # A server may close an idle connection at any moment: that is no failure (RFC 9112, 9.3.1), try the next.
            if not connection.closed:
                try:
                    return await self._exchange(connection, request)
                except ConnectionError:
                    if connection.answered:
                        raise
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, *self._address)
        return await self._exchange(connection, request)

    async def _exchange(self, connection: _Connection, request: bytes) -> HttpReply:
        try:
            reply = await connection.exchange(request)
        except BaseException:
            connection.close()  # cut short by a deadline, its answer may still come and would be taken for the next one
            raise
        if connection.keep_alive:
            self._idle.append(connection)
        else:
            connection.close()
        return reply


class _Connection(asyncio.Protocol):
    """One connection; one exchange at a time."""

    def __init__(self) -> None:
        self.closed = False
        self.answered = False
        self.keep_alive = False

    def exchange(self, request: bytes) -> asyncio.Future[HttpReply]:
        self._reply: asyncio.Future[HttpReply] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._content_type = b""
        self.answered = self.keep_alive = False
        self._transport.write(request)
        return self._reply

    def close(self) -> None:
        self.closed = True
        self._transport.abort()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self.answered = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError):
            self._fail(ConnectionAbortedError("not HTTP"))
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._fail(ConnectionResetError(f"connection closed{f': {error}' if error else ''}"))

    # --- the parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._content_type = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.keep_alive = self._parser.should_keep_alive()
        if not self._reply.done():
            status = self._parser.get_status_code()
            self._reply.set_result(HttpReply(status, self._content_type, b"".join(self._body)))

    def _fail(self, error: OSError) -> None:
        reply = getattr(self, "_reply", None)
        if reply is not None and not reply.done():
            reply.set_exception(error)
