"""Requests offered to the level as fast as asked for, and what became of them.

They are encoded before, and answers hardly looked at: what a request costs here is taken from the servers that are
being measured. How much it was, and how late the generator itself, is part of the result.
"""

from __future__ import annotations

from functools import partial
from math import inf
from random import Random
from time import process_time
from typing import TYPE_CHECKING, Final, NamedTuple

from shop.load.answered import Answered, Offered
from workbench.load import Engine, Send, arrivals, encode, open_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workbench.load import Answer, Phase, Request

__all__ = ["SLOT", "TIMEOUT_S", "Message", "encoded", "engine_for", "offer"]

TIMEOUT_S: Final = 2.0
_CONNECTIONS: Final = 512
SLOT: Final = 6
"""Bytes of a person's number where it may be exchanged: padded, so that a body keeps its length."""

_ASKED_BY: Final = b'{"user": '


class Message(NamedTuple):
    """A request as it goes on the wire, and where it came from.

    ``slot`` is where six bytes say who asks, so that another may be put there; 0: nowhere.
    """

    wire: bytes
    request: Request
    slot: int = 0


def encoded(port: int, requests: Sequence[Request]) -> list[Message]:
    """The requests as bytes, for a server on this machine."""
    return [_message(port, request) for request in requests]


def engine_for(port: int, timeout_s: float = TIMEOUT_S) -> Engine:
    """The load engine for a server on this machine; a request may take two seconds, unless told otherwise."""
    return Engine(f"http://127.0.0.1:{port}", connections=_CONNECTIONS, timeout_s=timeout_s)


def offer(  # noqa: PLR0913 - the last four are for one caller each
    engine: Engine,
    messages: Iterator[Message],
    profile: Sequence[Phase],
    *,
    on_answer: Callable[[Message, Answer], object] = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
    seed: str = "",
    tick_s: float = 0.0,
) -> Offered:
    """Send Poisson arrivals for a while and wait for the last answer; never raises for what the server does.

    Args:
        engine: just made: the window begins with it.
        messages: as many as it takes.
        profile: how many a second, and how long; one phase after the other, without a pause.
        on_answer: is given every answer.
        stop: ends the sending early, as in `workbench.load.open_loop`.
        seed: of the arrivals.
        tick_s: as in `workbench.load.open_loop`.
    """
    answers, cpu_s = list[Answered](), process_time()

    def note(message: Message, answer: Answer) -> None:
        answers.append(Answered.of(answer))
        on_answer(message, answer)

    due = arrivals(profile, Random(seed))  # noqa: S311 - a load pattern, not a secret
    sends = (Send(at_s, message.wire, partial(note, message)) for at_s, message in zip(due, messages, strict=False))
    open_loop(engine, sends, tick_s=tick_s, stop=stop)
    elapsed_s, cpu_s = engine.now(), process_time() - cpu_s
    engine.drain()
    seconds = sum(phase.seconds for phase in profile)
    asked = sum(phase.rate_rps * phase.seconds for phase in profile)
    rate_rps, seconds = (asked / seconds, seconds) if seconds < inf else (profile[-1].rate_rps, elapsed_s)
    return Offered(rate_rps, seconds, answers, cpu_s / elapsed_s)


def _message(port: int, request: Request) -> Message:
    wire = encode(request, f"127.0.0.1:{port}")
    return Message(wire, request, wire.find(_ASKED_BY) + len(_ASKED_BY) if _ASKED_BY in wire else 0)
