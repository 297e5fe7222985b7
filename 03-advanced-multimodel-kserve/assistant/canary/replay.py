"""Questions to judge a candidate by, on a machine where nobody asks any."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING

from assistant.load.streams import offer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assistant.load.streams import Asked

__all__ = ["questions_replayed"]

_SPAN_S = 60.0
_LOOK_S = 0.1


@contextmanager
def questions_replayed(url: str, rate_rps: float, asked: Sequence[Asked]) -> Iterator[None]:
    """Asks from a thread, at random moments, for as long as the context lasts; answers under way at its end are left.

    Args:
        url: the edge.
        rate_rps: questions a second.
        asked: the questions, asked in turn.
    """
    over = Event()

    async def ask() -> None:
        for seed in count(1):
            await offer(url, rate_rps, _SPAN_S, asked, seed)

    async def until_over() -> None:
        asking = asyncio.create_task(ask())
        while not over.is_set():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(_LOOK_S)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    thread = Thread(target=lambda: asyncio.run(until_over()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
