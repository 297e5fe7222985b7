"""How often a traffic asks the same again: the share that a cache can answer depends on the rate, and this says how."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from servekit.sla import Scenario

__all__ = ["Repeats"]

_REQUESTS: Final = 60_000


class Repeats:
    """A stretch of traffic, replayed through a cache that keeps an answer for a while; a hit does not renew it.

    Args:
        scenario: draws the requests; two are the same when path and body are.
        mix: weights of the kinds.
        ttl_s: how long an answer is kept.
        random: repeats the stretch.
    """

    def __init__(self, scenario: Scenario, mix: Mapping[str, float], ttl_s: float, random: Random) -> None:
        self._ttl_s = ttl_s
        kinds = random.choices(list(mix), list(mix.values()), k=_REQUESTS)
        requests = (scenario.request(kind, random) for kind in kinds)
        self._asked = [(kind, hash((each.path, each.body))) for kind, each in zip(kinds, requests, strict=True)]

    def at(self, rate_rps: float) -> dict[str, float]:
        """Share of each kind that was asked before and is still kept; the first half of the stretch fills the cache."""
        fresh_until: dict[int, float] = {}
        asked, kept = Counter[str](), Counter[str]()
        for number, (kind, key) in enumerate(self._asked):
            now = number / rate_rps
            fresh = fresh_until.get(key, -1.0) > now
            if not fresh:
                fresh_until[key] = now + self._ttl_s
            if 2 * number >= len(self._asked):
                asked[kind] += 1
                kept[kind] += fresh
        return {kind: kept[kind] / asked[kind] for kind in asked}
