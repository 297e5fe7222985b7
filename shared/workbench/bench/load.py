"""A closed-loop load generator lean enough to saturate a server from one core.

Each connection sends its next request when the last is answered, so the rate is what the server can do. That measures
capacity and cost; it hides queueing, so SLAs are judged by the open-loop harness (`workbench.sla`) instead.
"""

from __future__ import annotations

import asyncio
from itertools import cycle
from time import perf_counter
from typing import TYPE_CHECKING, cast

import msgspec
import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LoadResult", "closed_loop", "http_request"]


WARM_SHARE = 1.1
"""What a run costs the server in all, for each part of it that is measured: a tenth is warm-up."""


_PATIENCE_S = 10.0


class LoadResult(msgspec.Struct, frozen=True):
    """What one run measured; times in milliseconds."""

    requests: int
    rps: float
    p50_ms: float
    p99_ms: float


class BadAnswerError(Exception):
    """A server answered something else than the status or the body expected of it."""


def http_request(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """A keep-alive POST as the bytes on the wire."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def closed_loop(
    port: int, requests: Sequence[bytes], answers: Sequence[bytes] | None, connections: int, seconds: float
) -> LoadResult:
    """Loads a local HTTP server from this process.

    Args:
        port: on 127.0.0.1.
        requests: from `http_request`; each connection goes through them in turn, from a place of its own.
        answers: what the body of each answer must start with; ``None`` checks the status alone.
        connections: kept alive, one request in flight on each.
        seconds: how long to measure, after a tenth of that to warm up.

    Raises:
        BadAnswerError: an answer is not 200, or not the expected one, or none comes in ten seconds more than that.
        ConnectionError: the server refuses or closes a connection.
    """
    return uvloop.run(_run(port, requests, answers, connections, seconds))


async def _run(
    port: int, requests: Sequence[bytes], answers: Sequence[bytes] | None, connections: int, seconds: float
) -> LoadResult:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    latencies: list[float] = []
    expected: Sequence[bytes | None] = answers or [None] * len(requests)
    pairs = list(zip(requests, expected, strict=True))
    starts = [number * len(pairs) // connections for number in range(connections)]
    opened = [_Connection(cycle(pairs[start:] + pairs[:start]), latencies, failed) for start in starts]
    transports = [(await loop.create_connection(each.itself, "127.0.0.1", port))[0] for each in opened]
    try:
        await asyncio.wait([failed], timeout=seconds * (WARM_SHARE - 1))
        latencies.clear()
        started = perf_counter()
        await asyncio.wait([failed], timeout=seconds)
        while not latencies and not failed.done() and perf_counter() - started < seconds + _PATIENCE_S:
            await asyncio.wait([failed], timeout=seconds)  # a short window may lie within one stall of the server
        elapsed = perf_counter() - started
        count = len(latencies)
        # who has waited through all of it waits at least as long: leaving them out would hide a server that hangs
        latencies += [started + elapsed - each.sent_at for each in opened if each.sent_at < started]
    finally:
        for transport in transports:
            transport.abort()
    if failed.done():
        failed.result()
    failed.cancel()
    if not count:
        raise BadAnswerError(f"port {port}: no answer within {elapsed:.1f} s")
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1e3 for share in (0.5, 0.99))
    return LoadResult(count, count / elapsed, p50, p99)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(
        self, turn: Iterator[tuple[bytes, bytes | None]], latencies: list[float], failed: asyncio.Future[None]
    ) -> None:
        self._turn = turn
        self._latencies = latencies
        self._failed = failed
        self._received = b""
        self.sent_at = 0.0

    def itself(self) -> _Connection:
        """The protocol factory that a connection is opened with."""
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < (length := _content_length(head)):
            return
        if len(body) > length:
            self._fail(BadAnswerError(f"answered more than the {length} bytes announced: {body[length:][:200]!r}"))
            return
        self._latencies.append(perf_counter() - self.sent_at)
        if head[9:12] != b"200" or not body.startswith(self._expected or b""):
            self._fail(BadAnswerError(f"answered {head[9:12].decode()} {body[:200]!r}, expected {self._expected!r}"))
            return
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(ConnectionError(f"the server closed a connection: {error or 'no reason given'}"))

    def _send(self) -> None:
        request, self._expected = next(self._turn)
        self.sent_at = perf_counter()
        self._transport.write(request)

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    name = b"\r\ncontent-length:"  # not the end of Triton's inference-header-content-length
    return int(lowered[lowered.find(name) + len(name) :].split(b"\r\n", 1)[0])
