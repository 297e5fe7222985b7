"""Several processes that offer a load together."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, Final, Self

from shop.load.answered import Offered
from shop.load.offering import SLOT, TIMEOUT_S, Message, engine_for, offer
from workbench.load import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LoadWorkers"]

_TICK_S: Final = 0.003
"""Above three times the capacity most answers are refusals; a generator that wakes for each would measure itself."""


class LoadWorkers:
    """Several processes that share a rate: each has a turn of its own at cores that the servers keep busy.

    A scheduler that is fair to processes gives a single generator no more than any one of a dozen server processes.

    Args:
        port: on 127.0.0.1.
        messages: what is sent, over and over; each process begins elsewhere.
        size: how many processes.
        timeout_s: how long a request may take.
    """

    def __init__(self, port: int, messages: Sequence[Message], size: int = 2, *, timeout_s: float = TIMEOUT_S) -> None:
        self._port, self._size, self._timeout_s = port, size, timeout_s
        context = multiprocessing.get_context("spawn")
        self._pools = [
            ProcessPoolExecutor(1, mp_context=context, initializer=_take, initargs=(_turned(messages, each / size),))
            for each in range(size)
        ]

    def offer(self, *profile: Phase) -> Offered:
        """Send Poisson arrivals, phase after phase, and wait for the last answer; the server's faults are no errors."""
        shares = [Phase(phase.rate_rps / self._size, phase.seconds) for phase in profile]
        parts = [
            pool.submit(_offer, self._port, self._timeout_s, shares, f"{each}/{profile[-1].rate_rps}")
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


_taken: Iterator[Message] = iter(())


def _turned(messages: Sequence[Message], share: float) -> list[Message]:
    start = int(len(messages) * share)
    return [*messages[start:], *messages[:start]]


def _take(messages: Sequence[Message]) -> None:
    global _taken  # noqa: PLW0603 - what one of the processes was handed, once
    _taken = _afresh(messages)


def _afresh(messages: Sequence[Message]) -> Iterator[Message]:
    """The messages over and over, but never the same question by the same person: no cache would make that harder."""
    askers = [each.wire[each.slot : each.slot + SLOT] for each in messages if each.slot]
    draw = Random()  # noqa: S311 - a load pattern, not a secret
    for message in cycle(messages):
        wire, request, slot = message
        if slot:
            wire = b"".join((wire[:slot], draw.choice(askers), wire[slot + SLOT :]))
        yield Message(wire, request, slot)


def _offer(port: int, timeout_s: float, profile: Sequence[Phase], seed: str) -> Offered:
    with engine_for(port, timeout_s) as engine:
        return offer(engine, _taken, profile, seed=seed, tick_s=_TICK_S)
