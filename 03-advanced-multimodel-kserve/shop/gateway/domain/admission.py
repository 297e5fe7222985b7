"""How many requests are let in at once: a limit that follows their latency."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.gateway.settings import GatewaySettings

__all__ = ["TICK_S", "AdaptiveLimit"]

TICK_S = 0.1
"""Seconds between two looks at the answers."""

_SLOW_SHARE = 0.1
_BACK_OFF = 0.85
_GROWTH = 0.1
_SMOOTHING = 0.3
_RATES = 20
"""Ticks over which the best rate counts: two seconds."""

_LEAST_ANSWERS = 5
_FULL = 0.8


class AdaptiveLimit:
    """How many requests may be under way at once: additive increase, multiplicative decrease, and a floor.

    Each `adjust` looks at the answers since the last one. Where more than a tenth took longer than the target, or the
    event loop itself was late by as much, requests wait for one another: the limit shrinks by 15 %. Where it was used
    up and the answers were quick, it grows by a tenth, at least by one. Requests beyond it are refused before anything
    is done for them.

    Slow answers say that there is too much under way, not how much would be right, and those that were let in before a
    cut go on being slow after it: a limit that only ever reacts to them falls far too deep after a sudden step. So it
    has a floor. By Little's law as many requests are under way as are answered in a second, times the seconds that
    each takes; with fewer than the *best rate lately × target* the mean answer takes less than the target, and all
    that a lower limit buys is an idle server. TCP BBR holds its window by the same product (Cardwell et al., "BBR:
    Congestion-Based Congestion Control", ACM Queue 14(5), 2016: the delivery rate's recent maximum × the round trip).

    Args:
        settings: the limit's start, bounds and target.

    Attributes:
        limit: as it is now.
        in_flight: requests under way.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self.limit = float(settings.limit)
        self.in_flight = 0
        self._bounds = (settings.limit_min, settings.limit_max)
        self._target_s = settings.target_ms / 1e3
        self._answers = self._slow = self._most = 0
        self._rate = 0.0
        self._rates: deque[float] = deque(maxlen=_RATES)

    def enter(self, extra: int = 0) -> bool:
        """Whether one more request may come in; if so, it counts. ``extra`` is room for requests that matter more."""
        if self.in_flight >= self.limit + extra:
            return False
        self.in_flight += 1
        return True

    def leave(self, duration_s: float) -> None:
        """Counts a request out, which was answered after ``duration_s`` seconds."""
        self._most = max(self._most, self.in_flight)
        self.in_flight -= 1
        self._answers += 1
        if duration_s > self._target_s:
            self._slow += 1

    def adjust(self, late_s: float = 0.0) -> None:
        """Adjusts the limit; called every `TICK_S`, with the seconds by which the event loop was late."""
        answers, slow, most = self._answers, self._slow, self._most
        self._answers = self._slow = self._most = 0
        self._rate += _SMOOTHING * (answers / (TICK_S + late_s) - self._rate)
        self._rates.append(self._rate)
        crowded = late_s > self._target_s or (answers >= _LEAST_ANSWERS and slow > answers * _SLOW_SHARE)
        if crowded:
            self.limit *= _BACK_OFF
        elif answers and most >= self.limit * _FULL:
            self.limit += max(1.0, self.limit * _GROWTH)
        low, high = self._bounds
        self.limit = min(high, max(low, max(self._rates) * self._target_s, self.limit))
