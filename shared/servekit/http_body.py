"""Reads a request's body up to a size limit, within a time limit, and unpacks it."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any

from servekit.errors import LateRequestError, MalformedError, MediaTypeError, ServingError, ShedError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BodyReader"]

_ROOM_BYTES = 64 * 1024 * 1024
_OVERHEAD_BYTES = 16 * 1024  # of a connection and its task, however little of its body has come
_LOOKS = 0.1  # of the timeout: how often late bodies are looked for
_WINDOW = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class _Unfinished:
    """A body that is still arriving: its reader, its start, the memory it takes, and why it was given up."""

    __slots__ = ("problem", "since", "size", "task")

    def __init__(self, task: asyncio.Task[Any] | None, since: float) -> None:
        self.task = task
        self.since = since
        self.size = 0
        self.problem: ServingError | None = None

    @property
    def come(self) -> str:
        """The number of bytes that have arrived."""
        return f"{self.size - _OVERHEAD_BYTES} bytes"


class BodyReader:
    """Reads the bodies of all requests of a process.

    Unfinished bodies share a limited amount of memory. When it is full, the largest of them is given up, and of equals
    the one that has waited longest, so that a slow sender keeps nobody else out.

    Args:
        limit: the most bytes of a body, as sent and unpacked, unless a request has a limit of its own.
        timeout_s: how long a body may take to arrive after its headers.
        room_bytes: the memory for all unfinished bodies together.
    """

    def __init__(self, limit: int, timeout_s: float, room_bytes: int = _ROOM_BYTES) -> None:
        self._limit = limit
        self._timeout_s = timeout_s
        self._room = room_bytes
        self._watching = False
        self._unfinished: dict[_Unfinished, None] = {}  # in the order in which they came

    async def read(self, receive: Any, headers: Iterable[tuple[bytes, bytes]], limit: int = 0) -> bytes:
        """The whole body, unpacked where its content-encoding is gzip or deflate.

        Args:
            receive: ASGI's.
            headers: ASGI's, names in lower case.
            limit: the limit of this request; 0 for the reader's own. A larger body is refused as soon as that shows.

        Raises:
            TooLargeError: the body is over the limit, or its content-length says so.
            MalformedError: the connection ended before the body did, or the body does not unpack.
            MediaTypeError: the content-encoding is neither gzip, deflate nor identity.
            LateRequestError: the body took too long to arrive.
            ShedError: the body was given up for want of memory.
        """
        limit = limit or self._limit
        encoding = b""
        for name, value in headers:
            if name == b"content-encoding":
                encoding = _known(value)
            elif name == b"content-length" and value.isdigit() and int(value) > limit:
                raise TooLargeError("body", f"{int(value)} bytes", f"expected at most {limit}")
        body = await self._whole(receive, limit)
        return _unpacked(body, encoding, limit) if encoding else body

    async def _whole(self, receive: Any, limit: int) -> bytes:
        own = _Unfinished(asyncio.current_task(), asyncio.get_running_loop().time())
        body: bytes | bytearray = b""
        try:
            self._enter(own)
            message = await receive()
            body = message.get("body", b"")
            if message.get("more_body", False):
                body = bytearray(body)  # grows in place, where += on bytes would copy all of it for each chunk
                self._grow(own, len(body))
            while message.get("more_body", False) and len(body) <= limit:
                message = await receive()
                body += message.get("body", b"")
                self._grow(own, len(message.get("body", b"")))
        except asyncio.CancelledError:
            if own.problem is None or own.task is None:
                raise
            own.task.uncancel()
            raise own.problem from None
        finally:
            self._leave(own)
        if message["type"] == "http.disconnect":
            raise MalformedError("body", f"{len(body)} bytes", "the caller left before its end")
        if len(body) > limit:
            raise TooLargeError("body", f"over {limit} bytes", f"expected at most {limit}")
        return bytes(body)

    def _enter(self, own: _Unfinished) -> None:
        self._unfinished[own] = None
        self._grow(own, _OVERHEAD_BYTES)
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(self._timeout_s * _LOOKS, self._look)

    def _leave(self, own: _Unfinished) -> None:
        if own in self._unfinished:
            del self._unfinished[own]
            self._room += own.size

    def _grow(self, own: _Unfinished, size: int) -> None:
        own.size += size
        self._room -= size
        while self._room < 0:
            worst = max(self._unfinished, key=lambda each: each.size)
            problem = ShedError("body", worst.come, "too many unfinished bodies at once, try again")
            if worst is own:
                raise problem
            self._give_up(worst, problem)

    def _look(self) -> None:
        """Gives up late bodies. One timer serves all of them, because one for each would cost every request."""
        loop = asyncio.get_running_loop()
        for each in list(self._unfinished):
            if each.since + self._timeout_s > loop.time():
                break  # those after it came later
            expectation = f"expected the rest of it within {self._timeout_s:g} s"
            self._give_up(each, LateRequestError("body", each.come, expectation))
        self._watching = bool(self._unfinished)
        if self._watching:
            loop.call_later(self._timeout_s * _LOOKS, self._look)

    def _give_up(self, own: _Unfinished, problem: ServingError) -> None:
        self._leave(own)
        own.problem = problem
        if own.task is not None:
            own.task.cancel()


def _known(value: bytes) -> bytes:
    """The encoding by its key in `_WINDOW`; empty for identity."""
    encoding = value.strip().lower().removeprefix(b"x-")
    if encoding in {b"", b"identity"}:
        return b""
    if encoding not in _WINDOW:
        raise MediaTypeError("content-encoding", value.decode("latin-1"), "expected gzip, deflate or identity")
    return encoding


def _unpacked(body: bytes, encoding: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(_WINDOW[encoding])
    try:
        whole = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise MalformedError("body", None, f"not {encoding.decode()}: {error}") from None
    if len(whole) > limit:
        raise TooLargeError("body", f"over {limit} bytes unpacked", f"expected at most {limit}")
    if not stream.eof:
        raise MalformedError("body", None, f"not {encoding.decode()}: it ends too early")
    if stream.unused_data:
        raise MalformedError("body", None, f"not {encoding.decode()}: {len(stream.unused_data)} bytes after its end")
    return whole
