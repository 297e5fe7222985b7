"""The fault of ``waves``."""

from __future__ import annotations

import json
import time
from collections import deque
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from redis.exceptions import RedisError

from interview.incidents.background import Background
from interview.incidents.cache_warmer import NAME
from interview.incidents.level_3 import outcome
from interview.incidents.shop_fault import ShopFault
from shop.serving.stores import connect
from workbench.load import Request

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_WARMER = Path(__file__).with_name("cache_warmer.py")
_PEOPLE = 200
_LEAST = 0.5
_APART_S, _KEPT, _SHOWN = 0.5, 20, 11


class _Look(NamedTuple):
    """The cache's counters at a moment: answers that it had, and all that it was asked for."""

    at_s: float
    hits: float
    asked: float


class _Waves(ShopFault):
    rate_rps = 60.0

    def __init__(self) -> None:
        super().__init__()
        self._warmer = Background(_WARMER, self.level.stack_home / "cache_warmer.pid")
        self._looks: deque[_Look] = deque(maxlen=_KEPT)
        self._looking = Lock()

    def spoil(self) -> None:
        self._warmer.start()

    def call(self) -> int | str:
        """One of a few people, who come back all the time, asks for recommendations."""
        self._look_now_and_then()
        body = json.dumps({"user": self._draw.randrange(_PEOPLE), "k": 10}).encode()
        return outcome(self.level.send(Request("/v1/recommendations", body)))

    def signs(self) -> list[str]:
        misses = [look.asked - look.hits for look in self._looks]
        waves = ", ".join(f"{now - before:.0f}" for before, now in pairwise(misses[-_SHOWN:]))
        return [f"answers that Triton had to compute, every half second: {waves}"]

    def evidence(self) -> list[str]:
        with suppress(RedisError, OSError), connect(self.level.addresses, "cache") as client:
            ends = sorted({round(client.pttl(key), -2) for key in client.scan_iter("a:*", count=1000)})
            names = [each["name"] for each in client.client_list()]
            return [
                f"the answers in the cache end within {ends[-1] - ends[0]:.0f} ms of each other"
                if ends
                else "the cache is empty at this moment",
                f"CLIENT LIST: {NAME} is {'connected' if NAME in names else 'not connected any more'}",
            ]
        return ["the cache does not answer"]

    def breach(self) -> str | None:
        """What the cache was planned for: people wait a little longer, and Triton works for nothing."""
        found = self.caller.breach()
        recent = [look for look in list(self._looks) if look.at_s > time.monotonic() - self.objective.window_s]
        asked = recent[-1].asked - recent[0].asked if recent else 0
        if found or not asked:
            return found
        ratio = (recent[-1].hits - recent[0].hits) / asked
        missed = f"the cache answered {ratio:.0%} of {asked:.0f} requests; {_LEAST:.0%} are planned"
        return missed if ratio < _LEAST else None

    def fix(self) -> None:
        self._warmer.kill()

    def clean(self) -> None:
        self._warmer.stop()

    def _look_now_and_then(self) -> None:
        if self._looking.acquire(blocking=False):
            try:
                if not self._looks or time.monotonic() - self._looks[-1].at_s >= _APART_S:
                    self._looks.append(self._look())
            finally:
                self._looking.release()

    def _look(self) -> _Look:
        ports, name = self.level.gateway_ports, "serving_cache_requests_total"
        hit, stale, miss = (
            sum(self.level.counts(name, ports, model="personalisation", result=result))
            for result in ("hit", "stale", "miss")
        )
        return _Look(time.monotonic(), hit + stale, hit + stale + miss)


def fault() -> Fault:
    """The fault, not planted yet."""
    return _Waves()
