"""Requests sent at their intended starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from workbench.load.engine import Engine, Heard

__all__ = ["Send", "open_loop"]

_UNREAD_S: Final = 0.001
"""How long answers may lie there unread while the generator is late, and sends what is due."""


class Send(NamedTuple):
    """A request on the wire: when it is meant to be sent, and who is told of its answer."""

    at_s: float
    wire: bytes
    heard: Heard


def open_loop(
    engine: Engine, sends: Iterable[Send], *, tick_s: float = 0.0, stop: Callable[[], bool] = lambda: False
) -> None:
    """Send each request at its time; the last answers are still under way then (`Engine.drain`).

    Args:
        engine: sends them.
        sends: in the order of their intended starts. The next one is drawn before it is waited for, so that making it
            costs no time that would be counted.
        tick_s: requests leave together at least so far apart. To wake up costs as much as a request; who wants to
            send more than a core can do saves that, and is late by as much, which the latencies count in.
        stop: asked before each request, and ten times a second; ends the sending.
    """
    looked = engine.now()
    for send in sends:
        if (now := engine.now()) < send.at_s:
            until = max(send.at_s, now + tick_s)
            while (looked := engine.now()) < until and not stop():
                engine.turn(until)
        elif now - looked > _UNREAD_S:
            engine.turn(0.0)
            looked = engine.now()
        if stop():
            return
        engine.send(*send)
