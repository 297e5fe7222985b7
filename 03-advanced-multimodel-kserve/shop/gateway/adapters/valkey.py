"""A lean client of Valkey: one connection, commands in flight one behind the other, replies parsed by hiredis.

Replies belong to commands by their order alone. So a connection on which anything arrives that no command waits for is
closed: what is sent over it next would get somebody else's reply.

A command costs a future, a write and a timer. A general client adds a pool with locks, retries, and an encoder for
each argument: redis-py takes 40 µs more a command (`adr-own-valkey-client.md`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from time import monotonic
from typing import Any, cast

import hiredis

__all__ = ["Valkey", "ValkeyError", "pack"]

_RETRY_S = 0.1
_CONNECT_S = 1.0
_LATE = 64
_GRACE_S = 0.001


def pack(parts: tuple[str | bytes, ...]) -> bytes:
    """``pack((b"GET", key))``: a command as it goes over the wire; several may be joined and sent as one."""
    packed: bytes = hiredis.pack_command(cast("Any", parts))
    return packed


class ValkeyError(OSError):
    """The store answered with an error, e.g. that it is still loading."""


class Valkey:
    """One server; connected when first asked, and again after a failure, at most ten times a second.

    Args:
        host: the server's.
        port: the server's.
        login: user and password, where it asks for them.

    Raises `OSError` where it cannot be reached, does not answer in time (`TimeoutError`) or refuses (`ValkeyError`).
    """

    def __init__(self, host: str, port: int, login: tuple[str, str] | None = None) -> None:
        self._address = (host, port)
        self._login = pack(("AUTH", *login)) if login else None
        self._link: _Link | None = None
        self._opening: asyncio.Task[_Link] | None = None
        self._retry_at = 0.0

    async def ask(self, command: bytes, timeout_s: float) -> Any:
        """The reply to one command."""
        link = self._link
        if link is None or link.closed:
            link = await self._open(timeout_s)
        return await link.ask(command, timeout_s)

    async def ask_all(self, commands: bytes, count: int, timeout_s: float) -> list[Any]:
        """The replies to several commands, which go over the wire as one."""
        link = self._link
        if link is None or link.closed:
            link = await self._open(timeout_s)
        return await link.ask_all(commands, count, timeout_s)

    def tell(self, commands: bytes, count: int = 1) -> None:
        """Sends commands whose replies nobody needs; without a connection they are dropped."""
        if self._link is not None and not self._link.closed:
            self._link.tell(commands, count)

    def close(self) -> None:
        """Closes the connection and cancels one that is being opened."""
        if self._opening is not None:
            self._opening.cancel()
        if self._link is not None:
            self._link.close()

    async def _open(self, timeout_s: float) -> _Link:
        if self._opening is None:
            if monotonic() < self._retry_at:
                raise ConnectionRefusedError(f"{self._address[0]}:{self._address[1]}: not reachable")
            self._opening = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())  # else asyncio logs it
        # shielded: the attempt is everybody's, one caller's deadline does not end it
        return await asyncio.wait_for(asyncio.shield(self._opening), timeout_s)

    async def _connect(self) -> _Link:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, link = await loop.create_connection(_Link, *self._address)
        except OSError:
            self._retry_at = monotonic() + _RETRY_S
            raise
        else:
            if self._login is not None:  # refused, it shows in the next reply, which says that one must log in
                link.tell(self._login, 1)
            self._link = link
            return link
        finally:
            self._opening = None


class _Link(asyncio.Protocol):
    """One connection, and the commands that wait for its replies."""

    def __init__(self) -> None:
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any] | None] = deque()
        self._late = 0

    async def ask(self, command: bytes, timeout_s: float) -> Any:
        future = self._loop.create_future()
        self._waiting.append(future)
        self._transport.write(command)
        timer = self._loop.call_later(timeout_s, self._expire, future)
        try:
            return await future
        finally:
            timer.cancel()

    async def ask_all(self, commands: bytes, count: int, timeout_s: float) -> list[Any]:
        futures = [self._loop.create_future() for _ in range(count)]
        self._waiting.extend(futures)
        self._transport.write(commands)
        timers = [self._loop.call_later(timeout_s, self._expire, future) for future in futures]
        try:
            replies = await asyncio.gather(*futures, return_exceptions=True)
        finally:
            for timer in timers:
                timer.cancel()
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    def tell(self, commands: bytes, count: int) -> None:
        self._waiting.extend([None] * count)
        self._transport.write(commands)

    def close(self) -> None:
        self.closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._late = 0
        reader = self._reader
        try:
            reader.feed(data)
            while self._waiting and (reply := reader.gets()) is not False:
                _settle(self._waiting.popleft(), reply)
            beyond = not self._waiting and reader.has_data()
        except hiredis.ProtocolError as error:
            self._end(ConnectionAbortedError(f"not RESP: {error}"))
            beyond = True
        if beyond:
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._end(ConnectionResetError(f"connection closed{f': {error}' if error else ''}"))

    def _expire(self, future: asyncio.Future[Any], *, late: bool = False) -> None:
        if not late:
            # a busy loop runs its timers before it reads: the reply may be there already
            self._loop.call_later(_GRACE_S, partial(self._expire, future, late=True))
        elif not future.done():
            future.set_exception(TimeoutError("no reply in time"))
            self._late += 1
            if self._late > _LATE:  # it hangs: what is sent to it would only pile up
                self.close()

    def _end(self, error: OSError) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if future is not None and not future.done():
                future.set_exception(error)


def _settle(future: asyncio.Future[Any] | None, reply: Any) -> None:
    if future is None or future.done():
        return
    if isinstance(reply, hiredis.ReplyError):
        future.set_exception(ValkeyError(str(reply)))
    else:
        future.set_result(reply)
