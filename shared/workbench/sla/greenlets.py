"""The load engine among greenlets: while it waits, Locust's others run."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import gevent
from gevent import get_hub

from workbench.load import Engine

if TYPE_CHECKING:
    from selectors import SelectorKey

__all__ = ["GreenletEngine"]


class GreenletEngine(Engine):
    """An `Engine` for one greenlet: it has gevent's loop watch its selector, which is ready when anything in it is."""

    def __init__(self, url: str, *, connections: int, timeout_s: float) -> None:
        super().__init__(url, connections=connections, timeout_s=timeout_s)
        self._watcher = get_hub().loop.io(self._selector.fileno(), 1)

    def close(self) -> None:
        """Stops watching, then closes the connections as `Engine` does."""
        self._watcher.close()
        super().close()

    def _wait(self, seconds: float | None) -> list[tuple[SelectorKey, int]]:
        if seconds == 0:
            gevent.sleep(0)
        else:
            with nullcontext() if seconds is None else gevent.Timeout(seconds, False):
                get_hub().wait(self._watcher)
        return super()._wait(0)
