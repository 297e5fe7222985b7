"""Who is let in: a limit of requests at once that follows their latency, and keys with a rate of their own."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from servekit.errors import ShedError
from shop.gateway.errors import UnauthorizedError

if TYPE_CHECKING:
    from shop.gateway.settings import GatewaySettings

__all__ = ["TICK_S", "AdaptiveLimit", "Keys", "KeysError", "parse_keys"]

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
        """Whether one more may come in; ``extra`` is room for requests that matter more than others."""
        if self.in_flight >= self.limit + extra:
            return False
        self.in_flight += 1
        return True

    def leave(self, duration_s: float) -> None:
        """One that came in has its answer."""
        self._most = max(self._most, self.in_flight)
        self.in_flight -= 1
        self._answers += 1
        if duration_s > self._target_s:
            self._slow += 1

    def adjust(self, late_s: float = 0.0) -> None:
        """Moves the limit; called every `TICK_S`, with how late the event loop called."""
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


class KeysError(ValueError):
    """SHOP_API_KEYS is not what it should be."""


def parse_keys(text: str) -> dict[str, str]:
    """``name:key,name:key`` as names and keys.

    Raises:
        KeysError: a pair without a name or a key, a name or key that comes twice.
    """
    keys: dict[str, str] = {}
    for number, pair in enumerate(text.split(",") if text else [], 1):
        name, _, key = pair.strip().partition(":")
        if not name or not key:
            raise KeysError(f"SHOP_API_KEYS pair {number}: expected name:key")
        if name in keys or key in keys.values():
            raise KeysError(f"SHOP_API_KEYS pair {number}: expected a name and a key of its own")
        keys[name] = key
    return keys


class Keys:
    """The API keys and their token buckets.

    Args:
        keys: by name; none: everybody may ask.
        rate: requests a second for each key; 0: any number.
        burst: requests a key may send at once.
    """

    def __init__(self, keys: dict[str, str], rate: float, burst: float) -> None:
        self._digests = {name: _digest(key.encode()) for name, key in keys.items()}
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._buckets = {name: (self._burst, monotonic()) for name in keys}

    def check(self, headers: dict[bytes, bytes]) -> None:
        """Lets a request pass.

        Raises:
            UnauthorizedError: keys are asked for, and the request has none of them.
            ShedError: its key has used up its rate.
        """
        if not self._digests:
            return
        sent = headers.get(b"x-api-key") or headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if not sent:
            raise UnauthorizedError("header x-api-key", None, "missing: expected a key")
        digest, found = _digest(sent), ""
        for name, known in self._digests.items():  # all of them, each in constant time: how long it takes tells nothing
            if hmac.compare_digest(digest, known):
                found = name
        if not found:
            raise UnauthorizedError("header x-api-key", None, "not a key that is known here")
        if self._rate:
            self._take(found)

    def _take(self, name: str) -> None:
        tokens, since = self._buckets[name]
        now = monotonic()
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens < 1:
            self._buckets[name] = tokens, now
            raise ShedError("key", name, f"expected at most {self._rate:g} requests a second")
        self._buckets[name] = tokens - 1, now


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
