"""Exercise 6 · Ready is not alive.

An orchestrator asks a server two questions. `ready`: may I send you requests? `live`: or must I start another?
Write both answers as HTTP statuses: 200 for yes (ready, alive), 503 for no. All times are seconds of one clock.

`live` is 503 only when a restart would help: the event loop has not run for more than `stuck_s` seconds. A server that
loads its model, drains, has too much to do, or misses its store is alive: a new one would be no better off.

`ready` is 200 only when a request would be answered now: the loop runs, the model is loaded, the store answered when it
was asked last, no more than `most_waiting` requests wait, and nobody has told the server to stop.
"""

from __future__ import annotations


class Health:
    """What one server knows of itself; a new one has no model yet and has not asked its store."""

    def __init__(self, started_s: float, stuck_s: float, most_waiting: int) -> None:
        self.beat_s, self.stuck_s, self.most_waiting = started_s, stuck_s, most_waiting

    def beat(self, at_s: float) -> None:
        """The event loop ran."""
        self.beat_s = at_s

    def loaded(self) -> None:
        """The model is in memory."""

    def store(self, *, answers: bool) -> None:
        """The store was asked."""

    def waiting(self, requests: int) -> None:
        """So many requests wait now."""

    def stop(self) -> None:
        """Takes note that SIGTERM came."""

    def live(self, at_s: float) -> int:
        """The status of ``/healthz``."""
        raise NotImplementedError

    def ready(self, at_s: float) -> int:
        """The status of ``/readyz``."""
        raise NotImplementedError
