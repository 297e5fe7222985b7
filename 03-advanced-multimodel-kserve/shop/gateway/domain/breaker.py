"""Waiting for a hanging model again and again fills a gateway: after a few timeouts it stops asking for a while."""

from __future__ import annotations

from time import monotonic

__all__ = ["Breaker"]

_IN_A_ROW = 5
_PROBE_S = 0.25  # soon enough that a model which is well again is used, seldom enough to cost nothing


class Breaker:
    """A circuit breaker for each model version: opens after five timeouts in a row, then lets a probe in every 0.25 s.

    Args:
        patience_s: a caller that waited for less says nothing about the model.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._late: dict[tuple[str, str], int] = {}
        self._ask_at: dict[tuple[str, str], float] = {}

    def is_open(self, model: str, version: str) -> bool:
        """Whether calls must not be made now; every 0.25 s one caller is told ``False``: its call is the probe."""
        if not self._late or self._late.get((model, version), 0) < _IN_A_ROW:
            return False
        now = monotonic()
        if now < self._ask_at.get((model, version), 0.0):
            return True
        self._ask_at[model, version] = now + _PROBE_S
        return False

    def timed_out(self, model: str, version: str, waited_s: float) -> None:
        """Counts a call that ``waited_s`` and got no answer."""
        if waited_s >= self._patience_s:
            self._late[model, version] = self._late.get((model, version), 0) + 1
            self._ask_at[model, version] = monotonic() + _PROBE_S

    def answered(self, model: str, version: str) -> None:
        """Closes the breaker: the version answered, be it with an error."""
        if self._late:
            self._late.pop((model, version), None)
