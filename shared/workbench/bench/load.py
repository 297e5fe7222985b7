"""A closed loop, lean enough to saturate a server from one core.

Each connection sends its next request when the last is answered, so the rate is what the server can do. That measures
capacity and cost; it hides queueing, so SLAs are judged by an open loop over the same engine (`workbench.sla`) instead.
"""

from __future__ import annotations

from contextlib import closing
from itertools import cycle
from typing import TYPE_CHECKING

import msgspec

from workbench.load import Engine, Failure, describe_outcome, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.load import Answer, Request

__all__ = ["LoadResult", "closed_loop"]


WARM_SHARE = 1.1
"""What a run costs the server in all, for each part of it that is measured: a tenth is warm-up."""


_PATIENCE_S = 10.0
_OK = 200


class LoadResult(msgspec.Struct, frozen=True):
    """What one run measured; times in milliseconds."""

    requests: int
    rps: float
    p50_ms: float
    p99_ms: float


class BadAnswerError(Exception):
    """A server answered something else than the status or the body expected of it."""


def closed_loop(
    port: int, requests: Sequence[Request], answers: Sequence[bytes] | None, connections: int, seconds: float
) -> LoadResult:
    """Loads a local HTTP server from this process.

    Args:
        port: on 127.0.0.1.
        requests: each connection goes through them in turn, from a place of its own.
        answers: what the body of each answer must start with; ``None`` checks the status alone.
        connections: kept alive, one request in flight on each.
        seconds: how long to measure, after a tenth of that to warm up.

    Raises:
        BadAnswerError: an answer is not 200, or not the expected one, or none comes in ten seconds more than that.
        ConnectionError: the server refuses or closes a connection.
    """
    with closing(Engine(f"http://127.0.0.1:{port}", connections=connections)) as engine:
        latencies: list[float] = []
        expected = answers or [b""] * len(requests)
        pairs = [(encode(request, engine.host), body) for request, body in zip(requests, expected, strict=True)]
        for number in range(connections):
            start = number * len(pairs) // connections
            _User(engine, cycle(pairs[start:] + pairs[:start]), latencies).ask()
        _turn(engine, seconds * (WARM_SHARE - 1))
        latencies.clear()
        started = engine.now()
        _turn(engine, started + seconds)
        while not latencies and engine.now() < started + seconds + _PATIENCE_S:
            engine.turn(started + seconds + _PATIENCE_S)  # a short window may lie within one stall of the server
        elapsed, count = engine.now() - started, len(latencies)
        # who has waited through all of it waits at least as long: leaving them out would hide a server that hangs
        latencies += [started + elapsed - since for since in engine.waiting_since() if since < started]
    if not count:
        raise BadAnswerError(f"port {port}: no answer within {elapsed:.1f} s")
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1e3 for share in (0.5, 0.99))
    return LoadResult(count, count / elapsed, p50, p99)


def _turn(engine: Engine, until_s: float) -> None:
    while engine.now() < until_s:
        engine.turn(until_s)


class _User:
    """Sends its next request when the last is answered."""

    def __init__(self, engine: Engine, turn: Iterator[tuple[bytes, bytes]], latencies: list[float]) -> None:
        self._engine, self._turn, self._latencies = engine, turn, latencies

    def ask(self) -> None:
        """Send the next request."""
        wire, self._expected = next(self._turn)
        self._engine.send(self._engine.now(), wire, self._heard)

    def _heard(self, answer: Answer) -> None:
        reused = self._engine.opened <= self._engine.connections
        if answer.status != _OK or not reused or not answer.body.startswith(self._expected):
            raise _fault(answer, self._expected, reused=reused)
        self._latencies.append(answer.latency_s)
        self.ask()


def _fault(answer: Answer, expected: bytes, *, reused: bool) -> Exception:
    if answer.status == Failure.REFUSED:
        return ConnectionRefusedError("the server refuses connections")
    if answer.status == Failure.BROKEN or not reused:
        return ConnectionError("the server closed a connection that was to be kept")
    outcome = describe_outcome(answer.status) if answer.status < _OK else answer.status
    return BadAnswerError(f"answered {outcome} {answer.body[:200]!r}, expected {expected!r}")
