"""Traffic to judge a canary by, on a machine that has none: requests, and what became of their answers."""

from __future__ import annotations

import asyncio
from itertools import cycle
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

import msgspec

from servekit.http_pool import HttpPool
from shop.endpoints import FEEDBACK_PATH
from shop.load.open_loop import Answered, offering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servekit.http_pool import HttpReply
    from shop.load.open_loop import Message

__all__ = ["Replay"]

_OK = 200


class Replay:
    """Sends requests from a thread, open-loop, and reports to ``/v1/feedback`` what their answers were worth.

    Args:
        port: of the edge, on this machine.
        model: whose requests they are.
        messages: sent in their order, over and over.
        rate_rps: how many a second.
        outcomes: those of an answer, e.g. an impression and a click; they count for the version that gave it.

    Attributes:
        answers: of all requests, once it has ended.
    """

    def __init__(
        self,
        port: int,
        model: str,
        messages: Sequence[Message],
        rate_rps: float,
        outcomes: Callable[[Message, HttpReply], Sequence[str]],
    ) -> None:
        self.answers: Sequence[Answered] = ()
        self._port, self._model, self._messages, self._rate_rps = port, model, messages, rate_rps
        self._outcomes = outcomes
        self._over = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    async def _run(self) -> None:
        pool, reports = HttpPool("127.0.0.1", self._port), set[asyncio.Task[None]]()

        def heard(message: Message, reply: HttpReply | None) -> None:
            if reply is not None and reply.status == _OK and not reply.header(b"x-degraded"):
                version = reply.header(b"x-model-version").decode()
                report = asyncio.create_task(self._report(pool, version, self._outcomes(message, reply)))
                reports.add(report)
                report.add_done_callback(reports.discard)

        offered = await offering(self._port, cycle(self._messages), self._rate_rps, heard=heard, stop=self._over.is_set)
        if reports:
            await asyncio.wait(reports)
        pool.close()
        self.answers = offered.answers

    async def _report(self, pool: HttpPool, version: str, outcomes: Sequence[str]) -> None:
        for outcome in outcomes:
            body = msgspec.json.encode({"model": self._model, "version": version, "outcome": outcome})
            try:
                await pool.post(FEEDBACK_PATH, body, timeout_s=1.0)
            except OSError:
                return  # feedback is worth no retry: the next answer brings more
