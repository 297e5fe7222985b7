"""An open-loop generator cheap enough to offer more than the level can serve, beside it on the same two cores.

Requests are encoded before, answers hardly looked at: what a request costs here is taken from the servers that are
being measured. How much it was, and how late the generator itself, is part of the result.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from math import inf
from random import Random
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import uvloop

from servekit.http_pool import HttpPool, HttpReply
from shop.load.answered import NO_ANSWER, Answered, Offered, Phase
from shop.load.bare_loop import offer_bare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workbench.sla import Request

__all__ = ["NO_ANSWER", "SLOT", "Answered", "Crew", "Message", "Offered", "Phase", "encode", "offering"]

_TIMEOUT_S: Final = 2.0
SLOT: Final = 6
"""Bytes of a person's number where it may be exchanged: padded, so that a body keeps its length."""

_ASKED_BY: Final = b'{"user": '


class Message(NamedTuple):
    """A request as it goes on the wire, and where it came from.

    ``slot`` is where six bytes say who asks, which a `Crew` takes from another message each time; 0: nowhere.
    """

    whole: bytes
    request: Request
    slot: int = 0


def encode(port: int, requests: Sequence[Request]) -> list[Message]:
    """The requests as bytes, for a server on this machine."""
    return [_message(port, request) for request in requests]


class Crew:
    """Several processes that share a rate: each has a turn of its own at cores that the servers keep busy.

    A scheduler that is fair to processes gives a single generator no more than any one of a dozen server processes.

    Args:
        port: on 127.0.0.1.
        messages: what is sent, over and over; each process begins elsewhere.
        size: how many processes.
    """

    def __init__(self, port: int, messages: Sequence[Message], size: int = 2) -> None:
        self._port, self._size = port, size
        context = multiprocessing.get_context("spawn")
        self._pools = [
            ProcessPoolExecutor(1, mp_context=context, initializer=_take, initargs=(_turned(messages, each / size),))
            for each in range(size)
        ]

    def offer(self, *profile: Phase) -> Offered:
        """Send Poisson arrivals, phase after phase, and wait for the last answer; the server's faults are no errors."""
        shares = [Phase(phase.rate_rps / self._size, phase.seconds) for phase in profile]
        parts = [
            pool.submit(_offer, self._port, shares, f"{each}/{profile[-1].rate_rps}")
            for each, pool in enumerate(self._pools)
        ]
        offered = [part.result() for part in parts]
        answers = [answer for each in offered for answer in each.answers]
        rate = sum(each.rate_rps for each in offered)
        return Offered(rate, offered[0].seconds, answers, sum(each.generator_cpu for each in offered))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown()


_taken: Iterator[bytes] = iter(())


def _turned(messages: Sequence[Message], share: float) -> list[Message]:
    start = int(len(messages) * share)
    return [*messages[start:], *messages[:start]]


def _take(messages: Sequence[Message]) -> None:
    global _taken  # noqa: PLW0603 - what a process of the crew was handed, once
    _taken = _afresh(messages)


def _afresh(messages: Sequence[Message]) -> Iterator[bytes]:
    """The messages over and over, but never the same question by the same person: no cache would make that harder."""
    askers = [each.whole[each.slot : each.slot + SLOT] for each in messages if each.slot]
    draw = Random()  # noqa: S311 - a load pattern, not a secret
    for message in cycle(messages):
        whole, _, slot = message
        parts = (whole[:slot], draw.choice(askers), whole[slot + SLOT :]) if slot else (whole,)
        yield b"".join(parts)


def _offer(port: int, profile: Sequence[Phase], seed: str) -> Offered:
    return uvloop.run(offer_bare(port, _taken, profile, seed))


async def offering(  # noqa: PLR0913 - the last three are for one caller each
    port: int,
    messages: Iterator[Message],
    rate_rps: float,
    seconds: float = inf,
    *,
    heard: Callable[[Message, HttpReply | None], None] = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
    seed: str = "",
) -> Offered:
    """Send Poisson arrivals for a while and wait for the last answer; never raises for what the server does.

    Args:
        port: on 127.0.0.1.
        messages: from `encode`, as many as it takes.
        rate_rps: how many a second.
        seconds: how long.
        heard: is given every answer, None where there was none.
        stop: asked before each request; ends the sending early.
        seed: of the arrivals.
    """
    pool, answers = HttpPool("127.0.0.1", port), list[Answered]()
    random = Random(seed)  # noqa: S311 - a load pattern, not a secret
    began, cpu, at = perf_counter(), process_time(), 0.0

    async def send(message: Message, intended: float) -> None:
        lag = perf_counter() - intended
        reply = await _ask(pool, message)
        answers.append(_answered(intended - began, lag, perf_counter() - intended, reply))
        heard(message, reply)

    async with asyncio.TaskGroup() as flight:
        while (at := at + random.expovariate(rate_rps)) < seconds and not stop():
            await asyncio.sleep(max(began + at - perf_counter(), 0))
            flight.create_task(send(next(messages), began + at))
    elapsed = perf_counter() - began
    pool.close()
    return Offered(rate_rps, min(seconds, elapsed), answers, (process_time() - cpu) / elapsed)


async def _ask(pool: HttpPool, message: Message) -> HttpReply | None:
    try:
        return await pool.exchange((message.whole,), _TIMEOUT_S)
    except OSError:
        return None


def _answered(at_s: float, lag_s: float, latency_s: float, reply: HttpReply | None) -> Answered:
    if reply is None:
        return Answered(at_s, lag_s, latency_s, NO_ANSWER, degraded=False, retry_after=False)
    degraded, retry_after = bool(reply.header(b"x-degraded")), bool(reply.header(b"retry-after"))
    return Answered(at_s, lag_s, latency_s, reply.status, degraded, retry_after)


def _message(port: int, request: Request) -> Message:
    whole = _whole(port, request)
    return Message(whole, request, whole.find(_ASKED_BY) + len(_ASKED_BY) if _ASKED_BY in whole else 0)


def _whole(port: int, request: Request) -> bytes:
    lines = [f"{request.method} {request.path} HTTP/1.1", f"host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, f"content-length: {len(request.body)}", "", ""]).encode() + request.body
