"""The exchange of a case over one connection: send its bytes, read the answers, within one deadline."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from workbench.fuzz.surface import Case, Then

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CaseOutcome", "FuzzConnection", "HttpAnswer", "NotHttpError", "exchange"]

_QUIET_S: Final = 0.5
_SECOND_S: Final = 0.2
_NO_BODY: Final = frozenset({204, 304})


class NotHttpError(Exception):
    """The bytes that came back are no HTTP answer."""


class HttpAnswer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server says that it closes the connection."""
        return b"close" in self.headers.get(b"connection", b"").lower()


class CaseOutcome(NamedTuple):
    """The outcome of a case.

    Attributes:
        answers: the whole answers, in order.
        problem: ``hang`` or ``not HTTP``; empty where the exchange ended as one may.
        detail: more about the problem.
    """

    answers: list[HttpAnswer]
    problem: str = ""
    detail: str = ""


class FuzzConnection:
    """A connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, url: str) -> FuzzConnection:
        """A new connection; raises OSError where nobody listens."""
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port, limit=1024 * 1024))

    async def answer(self, *, head: bool = False) -> HttpAnswer | None:
        """The next whole answer; None when the connection is closed before one begins.

        Raises:
            NotHttpError: the bytes are no HTTP answer.
        """
        try:
            top = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise NotHttpError("headers without an end") from None
        except asyncio.IncompleteReadError as cut:
            if cut.partial:
                raise NotHttpError(f"cut short: {cut.partial[:80]!r}") from None
            return None
        except ConnectionError:
            return None
        status, headers = _head(top)
        if 100 <= status < 200 and status != 101:  # noqa: PLR2004 - interim answers
            return await self.answer(head=head)
        try:
            return HttpAnswer(status, headers, b"" if head or status in _NO_BODY else await self._body(headers))
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise NotHttpError(f"status {status}, body cut short: {error}") from None

    async def _body(self, headers: Mapping[bytes, bytes]) -> bytes:
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            parts = []
            while size := int((await self.reader.readline()).strip() or b"x", 16):
                parts.append(await self.reader.readexactly(size))
                await self.reader.readexactly(2)
            await self.reader.readline()
            return b"".join(parts)
        if b"content-length" in headers:
            return await self.reader.readexactly(int(headers[b"content-length"]))
        return await self.reader.read(-1)

    def close(self) -> None:
        """Closes the connection at once."""
        self.writer.close()


async def exchange(connection: FuzzConnection, case: Case, deadline_s: float) -> CaseOutcome:
    """The outcome of a case; raises nothing but a cancellation."""
    answers: list[HttpAnswer] = []
    sending = asyncio.create_task(_send(connection, case))
    try:
        async with asyncio.timeout(deadline_s):
            if case.then is Then.LEAVE:
                await sending
            else:
                await _read(connection, case, sending, answers)
    except TimeoutError:
        return CaseOutcome(answers, "hang", f"neither an answer nor a closed connection within {deadline_s:g} s")
    except NotHttpError as error:
        return CaseOutcome(answers, "not HTTP", str(error))
    finally:
        sending.cancel()
    return CaseOutcome(answers)


async def _send(connection: FuzzConnection, case: Case) -> None:
    with suppress(ConnectionError):
        for piece in case.pieces:
            connection.writer.write(piece)
            await connection.writer.drain()
            if case.pause_s:
                await asyncio.sleep(case.pause_s)


async def _read(connection: FuzzConnection, case: Case, sending: asyncio.Task[None], answers: list[HttpAnswer]) -> None:
    first = asyncio.create_task(connection.answer(head=case.head))
    try:
        if not case.answered and case.then is Then.READ:
            await _end_when_quiet(connection, sending, first)
        found = await first
    finally:
        first.cancel()
    expected = len(case.right) or 1
    while found is not None:
        answers.append(found)
        if len(answers) >= expected and (case.answered or found.closes):
            return
        found = await _second(connection) if len(answers) >= expected else await connection.answer()


async def _end_when_quiet(
    connection: FuzzConnection, sending: asyncio.Task[None], first: asyncio.Task[HttpAnswer | None]
) -> None:
    """What may be the beginning of a request is ended: the server has nothing left to wait for."""
    done, _ = await asyncio.wait({first}, timeout=_QUIET_S)
    if not done:
        await asyncio.wait({first, sending}, return_when=asyncio.FIRST_COMPLETED)
        with suppress(OSError, RuntimeError):
            connection.writer.write_eof()


async def _second(connection: FuzzConnection) -> HttpAnswer | None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_SECOND_S):
            return await connection.answer()
    return None


def _head(top: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = top[:-4].split(b"\r\n")
    version, _, rest = first.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise NotHttpError(f"begins with {first[:80]!r}")
    pairs = (each.partition(b":") for each in lines)
    return int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}
