"""Exercise 6, solved: a restart mends a loop that stands still, and nothing else."""

from __future__ import annotations

OK, UNAVAILABLE = 200, 503


class Health:
    """What one server knows of itself; a new one has no model yet and has not asked its store."""

    def __init__(self, started_s: float, stuck_s: float, most_waiting: int) -> None:
        self.beat_s, self.stuck_s, self.most_waiting = started_s, stuck_s, most_waiting
        self.has_model = self.has_store = self.stops = False
        self.requests = 0

    def beat(self, at_s: float) -> None:
        """The event loop ran."""
        self.beat_s = at_s

    def loaded(self) -> None:
        """The model is in memory."""
        self.has_model = True

    def store(self, *, answers: bool) -> None:
        """The store was asked."""
        self.has_store = answers

    def waiting(self, requests: int) -> None:
        """So many requests wait now."""
        self.requests = requests

    def stop(self) -> None:
        """Takes note that SIGTERM came."""
        self.stops = True

    def live(self, at_s: float) -> int:
        """The status of ``/healthz``."""
        return OK if at_s - self.beat_s <= self.stuck_s else UNAVAILABLE

    def ready(self, at_s: float) -> int:
        """The status of ``/readyz``."""
        can = self.has_model and self.has_store and self.requests <= self.most_waiting and not self.stops
        return OK if can and self.live(at_s) == OK else UNAVAILABLE
