"""The same open loop without tasks, futures or a parser: what a request costs the generator, the servers do not get.

At three times the capacity most answers are refusals; a generator that spends as much on each as the servers do would
measure itself.
"""

from __future__ import annotations

import asyncio
from random import Random
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final, NamedTuple

from shop.load.answered import NO_ANSWER, Answered, Offered, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["arrivals", "offer_bare"]

_TIMEOUT_S: Final = 2.0
_CONNECTIONS: Final = 16
_TICK_S: Final = 0.003
"""Requests leave together at least so far apart: a wake-up costs as much as a request. Latency counts it in."""

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length: "
_DEGRADED: Final = b"\r\nx-degraded: "
_RETRY: Final = b"\r\nretry-after: "
_STATUS: Final = slice(9, 12)


class _Asked(NamedTuple):
    """A request under way: when it should have been sent, and how late it was."""

    intended: float
    lag_s: float


class _Line(asyncio.Protocol):
    """A connection: one request at a time, its answer recorded as it arrives. Header names come in lower case."""

    transport: asyncio.Transport

    def __init__(self, loop: _Loop) -> None:
        self._loop = loop
        self._buffer = b""
        self._asked: _Asked | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # TCP's is both ways

    def send(self, whole: bytes, intended: float) -> None:
        self._asked = _Asked(intended, perf_counter() - intended)
        self.transport.write(whole)

    def data_received(self, data: bytes) -> None:
        if self._asked is None:  # an answer that nobody asked for
            self.transport.abort()
            return
        self._buffer = data = self._buffer + data if self._buffer else data
        end = data.find(_HEAD_END)
        if end < 0:
            return
        at = data.find(_LENGTH, 0, end) + len(_LENGTH)
        length = int(data[at : data.find(b"\r", at)]) if at >= len(_LENGTH) else 0
        whole = end + len(_HEAD_END) + length
        if len(data) < whole:
            return
        self._buffer = b""
        degraded, retry = data.find(_DEGRADED, 0, end) > 0, data.find(_RETRY, 0, end) > 0
        self._done(int(data[_STATUS]), degraded=degraded, retry_after=retry)
        if len(data) > whole:
            self.transport.abort()
        else:
            self._loop.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        if self in self._loop.idle:
            self._loop.idle.remove(self)
        self.give_up()

    def give_up(self) -> None:
        """Record that there is no answer, if one is awaited."""
        if self._asked is not None:
            self._done(NO_ANSWER, degraded=False, retry_after=False)

    def _done(self, status: int, *, degraded: bool, retry_after: bool) -> None:
        asked, self._asked = self._asked, None
        assert asked is not None  # noqa: S101 - its callers have looked
        now = perf_counter()
        self._loop.answers.append(
            Answered(
                asked.intended - self._loop.began, asked.lag_s, now - asked.intended, status, degraded, retry_after
            )
        )


class _Loop:
    """Connections, and what came back over them."""

    def __init__(self, port: int) -> None:
        self.idle: list[_Line] = []
        self.answers: list[Answered] = []
        self.began = perf_counter()
        self.sent = 0
        self._port = port
        self._lines: list[_Line] = []
        self._opening: set[asyncio.Task[None]] = set()

    async def open(self) -> _Line:
        _, line = await asyncio.get_running_loop().create_connection(lambda: _Line(self), "127.0.0.1", self._port)
        self._lines.append(line)
        return line

    def ask(self, whole: bytes, intended: float) -> None:
        """Send one request, on a connection of its own if all are taken."""
        self.sent += 1
        if self.idle:
            self.idle.pop().send(whole, intended)
            return
        task = asyncio.get_running_loop().create_task(self._ask_anew(whole, intended))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _ask_anew(self, whole: bytes, intended: float) -> None:
        try:
            line = await self.open()
        except (OSError, asyncio.CancelledError):  # cancelled: the run is over, and it waits still
            lag = perf_counter() - intended
            self.answers.append(Answered(intended - self.began, lag, lag, NO_ANSWER, degraded=False, retry_after=False))
        else:
            line.send(whole, intended)

    async def close(self) -> None:
        """Wait for the answers under way, as long as an answer may take, and close everything."""
        until = perf_counter() + _TIMEOUT_S
        while len(self.answers) < self.sent and perf_counter() < until:  # noqa: ASYNC110 - an event would cost each answer
            await asyncio.sleep(0.005)
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for line in self._lines:
            line.give_up()
            line.transport.abort()


def arrivals(profile: Sequence[Phase], random: Random) -> Iterator[float]:
    """When requests are sent, in seconds from the start: Poisson arrivals, each phase at its own rate."""
    began = 0.0
    for phase in profile:
        at = began + random.expovariate(phase.rate_rps)
        while at < began + phase.seconds:
            yield at
            at += random.expovariate(phase.rate_rps)
        began += phase.seconds  # a Poisson process has no memory: the next phase begins anew


async def offer_bare(port: int, messages: Iterator[bytes], profile: Sequence[Phase], seed: str) -> Offered:
    """Send Poisson arrivals for a while and wait for the last answer; never raises for what the server does.

    Args:
        port: on 127.0.0.1.
        messages: whole requests, as many as it takes.
        profile: how many a second, and how long; one phase after the other, without a pause.
        seed: of the arrivals.
    """
    loop, random = _Loop(port), Random(seed)  # noqa: S311 - a load pattern, not a secret
    opened = await asyncio.gather(*(loop.open() for _ in range(_CONNECTIONS)), return_exceptions=True)
    loop.idle.extend(line for line in opened if isinstance(line, _Line))
    loop.began, cpu = perf_counter(), process_time()
    for at in arrivals(profile, random):
        while (ahead := loop.began + at - perf_counter()) > 0:  # noqa: ASYNC110 - what it waits for is the time
            await asyncio.sleep(max(ahead, _TICK_S))
        loop.ask(next(messages), loop.began + at)
    elapsed, used = perf_counter() - loop.began, process_time() - cpu
    await loop.close()
    seconds = sum(phase.seconds for phase in profile)
    rate = sum(phase.rate_rps * phase.seconds for phase in profile) / seconds
    return Offered(rate, seconds, loop.answers, used / elapsed)
