"""The fault of ``waves``."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

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
_PEOPLE = 120
_LEAST = 0.5
_LOOKS, _APART_S = 8, 0.5
_KEPT = 20


class _Waves(ShopFault):
    rate_rps = 60.0

    def __init__(self) -> None:
        super().__init__()
        self._warmer = Background(_WARMER, self.level.stack_home / "cache_warmer.pid")
        self._looks: list[tuple[float, float, float]] = []

    def spoil(self) -> None:
        self._warmer.start()

    def call(self) -> int | str:
        """One of a few people, who come back all the time, asks for recommendations."""
        body = json.dumps({"user": self._draw.randrange(_PEOPLE), "k": 10}).encode()
        return outcome(self.level.send(Request("/v1/recommendations", body)))

    def signs(self) -> list[str]:
        before, waves = self._misses(), []
        for _ in range(_LOOKS):
            time.sleep(_APART_S)
            now = self._misses()
            waves.append(f"{now - before:.0f}")
            before = now
        return [f"answers that Triton had to compute, every half second: {', '.join(waves)}"]

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
        """The hit ratio of the last seconds, as planned: people wait a little longer, and Triton works for nothing."""
        found = self.caller.breach()
        hits, all_of_them = self._looked_up()
        self._looks = [*self._looks, (time.monotonic(), hits, all_of_them)][-_KEPT:]
        recent = [look for look in self._looks if look[0] > time.monotonic() - self.objective.window_s]
        asked = all_of_them - recent[0][2]
        if found or asked <= 0:
            return found
        ratio = (hits - recent[0][1]) / asked
        return f"the cache answered {ratio:.0%} of {asked:.0f} requests; {_LEAST:.0%} are planned" if ratio < _LEAST else None

    def fix(self) -> None:
        self._warmer.kill()

    def restore(self) -> None:
        super().restore()
        self._warmer.stop()

    def _looked_up(self) -> tuple[float, float]:
        ports = self.level.gateway_ports
        results = {
            result: sum(self.level.counts("serving_cache_requests_total", ports, model="personalisation", result=result))
            for result in ("hit", "stale", "miss")
        }
        return results["hit"] + results["stale"], sum(results.values())

    def _misses(self) -> float:
        hits, asked = self._looked_up()
        return asked - hits


def fault() -> Fault:
    """The fault, not planted yet."""
    return _Waves()
