"""Keep-alive HTTP/1.1 connections to one server, with as little between a caller and a server as possible.

A general client spends more on a call (URL parsing, header objects, redirects, cookies) than a server on its answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import httptools

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Buffer", "HttpPool", "HttpReply"]

Buffer: TypeAlias = bytes | bytearray | memoryview


class HttpReply(NamedTuple):
    """A whole answer; its headers are as they came, ``body`` is still encoded if its content-encoding says so."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The value of a header, empty where there is none; ``name`` in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), b"")


class HttpPool:
    """Connections to ``host:port``, opened as needed; an idle one is reused, the newest first.

    Args:
        host: where to connect to.
        port: likewise.
        authority: what requests say in ``Host``, where that is another name than the address.

    Raises `OSError` where the server cannot be reached or breaks the connection, and for what is not HTTP; of these,
    `TimeoutError` where a time limit was given and is over.
    """

    def __init__(self, host: str, port: int, authority: str = "") -> None:
        self._address = (host, port)
        self.host = (authority or f"{host}:{port}").encode()
        self._idle: list[_Connection] = []

    async def post(
        self, path: str, body: bytes, headers: Iterable[tuple[bytes, bytes]] = (), timeout_s: float | None = None
    ) -> HttpReply:
        """Sends a body, JSON unless a header says what it is, and reads the whole answer."""
        extra = b"".join(b"%b: %b\r\n" % header for header in headers)
        kind = b"" if b"content-type: " in extra else b"content-type: application/json\r\n"
        head = b"POST %b HTTP/1.1\r\nhost: %b\r\n%bcontent-length: %d\r\n%b\r\n"
        whole = head % (path.encode(), self.host, kind, len(body), extra) + body
        return await self.exchange((whole,), timeout_s)

    async def get(
        self, path: str, headers: Iterable[tuple[bytes, bytes]] = (), timeout_s: float | None = None
    ) -> HttpReply:
        """Reads the whole answer to a GET."""
        extra = b"".join(b"%b: %b\r\n" % header for header in headers)
        head = b"GET %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (path.encode(), self.host, extra)
        return await self.exchange((head,), timeout_s)

    def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop().close()

    async def exchange(self, parts: tuple[Buffer, ...], timeout_s: float | None = None) -> HttpReply:
        """Sends a request that the caller wrote down, head and body, and reads the whole answer.

        Args:
            parts: the request's bytes. They are written as they are, without being joined, and must stay unchanged
                until the answer is there: large bodies are not copied.
            timeout_s: how long to wait for the answer.
        """
        while self._idle:
            connection = self._idle.pop()
            # A server may close an idle connection at any moment: that is no failure (RFC 9112, 9.3.1), try the next.
            if not connection.closed:
                try:
                    return await self._ask(connection, parts, timeout_s)
                except ConnectionError:
                    if connection.answered:
                        raise
        return await self._ask(await self._connect(timeout_s), parts, timeout_s)

    async def _connect(self, timeout_s: float | None) -> _Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            _, connection = await loop.create_connection(_Connection, *self._address)
        return connection

    async def _ask(self, connection: _Connection, parts: tuple[Buffer, ...], timeout_s: float | None) -> HttpReply:
        try:
            reply = await connection.exchange(parts, timeout_s)
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
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._reply: asyncio.Future[HttpReply] | None = None

    def exchange(self, parts: tuple[Buffer, ...], timeout_s: float | None) -> asyncio.Future[HttpReply]:
        self._reply = reply = self._loop.create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self.answered = self.keep_alive = False
        if timeout_s is not None:
            self._timer = self._loop.call_later(timeout_s, self._expire)
        for part in parts:
            self._transport.write(part)
        return reply

    def close(self) -> None:
        self.closed = True
        self._stop_clock()
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
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.keep_alive = self._parser.should_keep_alive()
        self._stop_clock()
        reply = self._reply
        if reply is not None and not reply.done():
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            reply.set_result(HttpReply(self._parser.get_status_code(), self._headers, body))

    def _fail(self, error: OSError) -> None:
        self._stop_clock()
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)

    def _expire(self) -> None:
        self._fail(TimeoutError("no answer in time"))

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
