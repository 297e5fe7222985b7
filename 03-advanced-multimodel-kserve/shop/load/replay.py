"""Traffic to judge a canary by, on a machine that has none: requests, and what became of their answers."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, Self

import msgspec

from shop.endpoints import FEEDBACK_PATH
from shop.load.caller import key_headers
from shop.load.offering import TIMEOUT_S, engine_for, offer
from workbench.load import Phase, Request, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shop.load.answered import Answered
    from shop.load.offering import Message
    from workbench.load import Answer, Engine

__all__ = ["Replay"]

_OK: Final = 200


class Replay:
    """Sends requests from a thread, open-loop, and reports to ``/v1/feedback`` what their answers were worth.

    Args:
        port: of the edge, on this machine.
        model: whose requests they are.
        messages: sent in their order, over and over.
        rate_rps: how many a second.
        outcomes: those of an answer, e.g. an impression and a click; they count for the version that gave it.

    Attributes:
        timeout_s: how long a request may take.
        answers: of all requests, once it has ended.
    """

    def __init__(
        self,
        port: int,
        model: str,
        messages: Sequence[Message],
        rate_rps: float,
        outcomes: Callable[[Message, Answer], Sequence[str]],
    ) -> None:
        self.answers: Sequence[Answered] = ()
        self._port, self._model, self._messages, self._rate_rps = port, model, messages, rate_rps
        self._outcomes, self.timeout_s = outcomes, TIMEOUT_S
        self._headers = {"content-type": "application/json", **key_headers()}
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with engine_for(self._port, self.timeout_s) as engine:
            profile, on_answer = [Phase(self._rate_rps)], partial(self._on_answer, engine)
            self.answers = offer(
                engine, cycle(self._messages), profile, on_answer=on_answer, stop=self._over.is_set
            ).answers

    def _on_answer(self, engine: Engine, message: Message, answer: Answer) -> None:
        if answer.status == _OK and not answer.header(b"x-degraded"):
            self._report(engine, answer.header(b"x-model-version").decode(), self._outcomes(message, answer))

    def _report(self, engine: Engine, version: str, outcomes: Sequence[str], _: Answer | None = None) -> None:
        """One after the other, whatever becomes of it: the next answer brings more."""
        if outcomes:
            body = msgspec.json.encode({"model": self._model, "version": version, "outcome": outcomes[0]})
            wire = encode(Request(FEEDBACK_PATH, body, headers=self._headers), engine.host)
            engine.send(engine.now(), wire, partial(self._report, engine, version, outcomes[1:]))
