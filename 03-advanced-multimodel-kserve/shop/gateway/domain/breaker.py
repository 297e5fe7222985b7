"""When a model hangs, waiting for it again and again would fill the gateway: for a moment it is not asked."""

from __future__ import annotations

from time import monotonic

__all__ = ["Breaker"]

_IN_A_ROW = 5
_REST_S = 0.25


class Breaker:
    """Knows which model versions did not answer in time, five times in a row; each is then asked four times a second.

    Args:
        patience_s: a caller that waited for less says nothing about the model.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._late: dict[tuple[str, str], int] = {}
        self._ask_at: dict[tuple[str, str], float] = {}

    def resting(self, model: str, version: str) -> bool:
        """Whether it is not to be asked now; the first to be told otherwise finds out for all how it is."""
        if not self._late or self._late.get((model, version), 0) < _IN_A_ROW:
            return False
        now = monotonic()
        if now < self._ask_at.get((model, version), 0.0):
            return True
        self._ask_at[model, version] = now + _REST_S
        return False

    def late(self, model: str, version: str, waited_s: float) -> None:
        """It did not answer in time."""
        if waited_s >= self._patience_s:
            self._late[model, version] = self._late.get((model, version), 0) + 1
            self._ask_at[model, version] = monotonic() + _REST_S

    def answered(self, model: str, version: str) -> None:
        """It did, whatever it said."""
        if self._late:
            self._late.pop((model, version), None)
