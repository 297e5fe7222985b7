"""Keep-alive HTTP/1.1 connections to one server, at little cost for each call.

A general client spends more on a call (URL parsing, header objects, redirects, cookies) than a server on its answer:
aiohttp takes three to five times the CPU of this one, httpx ten times or more (`adr-own-http-pool.md`).

One answer must never be taken for another. So a header cannot hold what would end it, and a connection on which
anything arrives unasked, or beyond an answer's end, is closed instead of used again.
"""

from __future__ import annotations

import asyncio
import re
import select
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import httptools

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Buffer", "HttpPool", "HttpReply"]

Buffer: TypeAlias = bytes | bytearray | memoryview
_BREAKS = re.compile(rb"[\r\n\0]")
_ENDS = re.compile(rb"[\0- \x7f]")
_FINAL = 200
_IDLE_S = 10.0


class HttpReply(NamedTuple):
    """A whole answer; its headers are unchanged, and ``body`` is still encoded as its content-encoding says."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The value of a header, or empty without one; ``name`` in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), b"")


class HttpPool:
    """Connections to ``host:port``, opened as needed; an idle one is reused, the newest first.

    So those that only a burst of requests needed stay idle, and after `idle_s` they are closed, whether or not the
    server does that.

    A server may close an idle connection at any moment, also while a request is on its way (RFC 9112, 9.3.1). Such a
    request is sent once more, over a new connection, if nothing of an answer has come. So it must be one that may
    arrive twice; one that may not is sent with ``once``, over a connection of its own, which is closed after it: kept,
    one more would lie idle after each such request.

    Args:
        host: where to connect to.
        port: likewise.
        authority: what requests say in ``Host``, where that is another name than the address.
        idle_s: for how long a connection that nobody uses stays open.

    Raises `OSError` where the server cannot be reached or breaks the connection, and for what is not HTTP; of these,
    `TimeoutError` where a time limit was given and is over. Raises `ValueError` for a path or a header that would
    not stay one.
    """

    def __init__(self, host: str, port: int, authority: str = "", idle_s: float = _IDLE_S) -> None:
        self._address = (host, port)
        self.host = (authority or f"{host}:{port}").encode()
        self._idle_s = idle_s
        self._idle: list[_PooledConnection] = []  # the one that was used last at the end
        self._tidying: asyncio.TimerHandle | None = None

    async def post(
        self,
        path: str,
        body: bytes,
        headers: Collection[tuple[bytes, bytes]] = (),
        timeout_s: float | None = None,
        *,
        once: bool = False,
    ) -> HttpReply:
        """The whole answer to a POST of a body, which is JSON unless a header gives another type."""
        extra = _written(headers)
        kind = b"" if b"content-type: " in extra else b"content-type: application/json\r\n"
        head = b"POST %b HTTP/1.1\r\nhost: %b\r\n%bcontent-length: %d\r\n%b\r\n"
        whole = head % (_target(path), self.host, kind, len(body), extra) + body
        return await self.exchange((whole,), timeout_s, once=once)

    async def get(
        self, path: str, headers: Collection[tuple[bytes, bytes]] = (), timeout_s: float | None = None
    ) -> HttpReply:
        """The whole answer to a GET."""
        head = b"GET %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (_target(path), self.host, _written(headers))
        return await self.exchange((head,), timeout_s)

    def close(self) -> None:
        """Closes the idle connections."""
        if self._tidying is not None:
            self._tidying.cancel()
            self._tidying = None
        while self._idle:
            self._idle.pop().close()

    async def exchange(
        self, parts: tuple[Buffer, ...], timeout_s: float | None = None, *, once: bool = False
    ) -> HttpReply:
        """The whole answer to a request whose bytes, head and body, the caller gives.

        Args:
            parts: the request's bytes. They are written as they are, without being joined, and must stay unchanged
                until the answer is there: large bodies are not copied.
            timeout_s: how long all of it may take, from connecting to the answer's last byte.
            once: the request must not arrive twice.
        """
        deadline = None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
        connection = None if once else self._take()
        if connection is not None:
            try:
                return await self._ask(connection, parts, deadline)
            except ConnectionError:
                if connection.answered:
                    raise
        return await self._ask(await self._connect(deadline), parts, deadline, keep=not once)

    def _take(self) -> _PooledConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                if connection.quiet():
                    return connection
                connection.close()
        return None

    async def _connect(self, deadline: float | None) -> _PooledConnection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            _, connection = await loop.create_connection(_PooledConnection, *self._address)
        return connection

    async def _ask(
        self, connection: _PooledConnection, parts: tuple[Buffer, ...], deadline: float | None, *, keep: bool = True
    ) -> HttpReply:
        try:
            reply = await connection.exchange(parts, deadline)
        except BaseException:
            connection.close()  # cut short by a deadline, its answer may still come and would be taken for the next one
            raise
        if keep and connection.keep_alive:
            self._keep(connection)
        else:
            connection.close()
        return reply

    def _keep(self, connection: _PooledConnection) -> None:
        loop = asyncio.get_running_loop()
        connection.used_at = loop.time()
        self._idle.append(connection)
        if self._tidying is None:
            self._tidying = loop.call_later(self._idle_s, self._tidy, loop)

    def _tidy(self, loop: asyncio.AbstractEventLoop) -> None:
        """Closes what was not used for so long, and comes again when the next one may be due."""
        self._tidying = None
        while self._idle and (due := self._idle[0].used_at + self._idle_s) <= loop.time():
            self._idle.pop(0).close()
        if self._idle:
            self._tidying = loop.call_at(due, self._tidy, loop)


def _written(headers: Collection[tuple[bytes, bytes]]) -> bytes:
    """The bytes of the headers, each of which is one line."""
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    if lines.count(b"\r") != len(headers) or lines.count(b"\n") != len(headers) or b"\0" in lines:
        broken = next(name for name, value in headers if _BREAKS.search(name + value))
        raise ValueError(f"header {broken!r}: expected a name and a value without CR, LF and NUL")
    return lines


def _target(path: str) -> bytes:
    written = path.encode()
    if _ENDS.search(written):
        raise ValueError(f"path {path!r}: expected no blanks or control characters: percent-encode them")
    return written


class _PooledConnection(asyncio.Protocol):
    """One connection, for one exchange at a time.

    Attributes:
        closed: the connection cannot be used again.
        answered: bytes have come since the request was written.
        keep_alive: the answer is whole, and another request may follow.
        used_at: when the pool got it back, by the loop's clock.
    """

    def __init__(self) -> None:
        self.closed = False
        self.answered = False
        self.keep_alive = False
        self.used_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._reply: asyncio.Future[HttpReply] | None = None

    def exchange(self, parts: tuple[Buffer, ...], deadline: float | None) -> asyncio.Future[HttpReply]:
        self._reply = reply = self._loop.create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self.answered = self.keep_alive = False
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._expire)
        for part in parts:
            self._transport.write(part)
        return reply

    def quiet(self) -> bool:
        """Whether no unread bytes have arrived, which would be taken for the next answer."""
        return not self._arrived.poll(0)

    def close(self) -> None:
        self.closed = True
        self._stop_clock()
        self._transport.abort()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._arrived = select.poll()
        self._arrived.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        self.answered = True
        if self._reply is None or self._reply.done():  # whose answer is it?
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(ConnectionAbortedError("not HTTP"))
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._fail(ConnectionResetError(f"connection closed{f': {error}' if error else ''}"))

    # --- the parser's side

    def on_message_begin(self) -> None:
        if self._reply is None or self._reply.done():
            raise ConnectionAbortedError("another answer after the one that was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.keep_alive = self._parser.should_keep_alive() and self._parser.get_status_code() >= _FINAL
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
