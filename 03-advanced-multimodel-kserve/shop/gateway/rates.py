"""How much each key may ask: a rate, and a burst above it."""

from __future__ import annotations

from time import monotonic

from servekit.errors import ShedError

__all__ = ["KeyRates"]


class KeyRates:
    """A token bucket for each key: it fills at the rate, holds no more than the burst, and a request takes one.

    Args:
        rate: requests a second for each key; 0: any number.
        burst: requests a key may send at once.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> None:
        """Counts a request of a key.

        Raises:
            ShedError: the key has used up its rate.
        """
        if not self._rate:
            return
        now = monotonic()
        tokens, since = self._buckets.get(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        self._buckets[name] = max(tokens - 1, tokens % 1), now
        if tokens < 1:
            raise ShedError("key", name, f"expected at most {self._rate:g} requests a second")
