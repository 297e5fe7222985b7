"""How often a traffic asks the same again: the share that a cache can answer depends on the rate, and this says how."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from planner.arrivals import still_cached

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from workbench.sla import Scenario

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
        self._kinds = kinds
        self._keys = [hash((each.path, each.body)) for each in requests]

    def at(self, rate_rps: float) -> dict[str, float]:
        """Share of each kind that was asked before and is still kept; the first half of the stretch fills the cache."""
        count = len(self._keys)
        found = still_cached((number / rate_rps for number in range(count)), self._keys, self._ttl_s)
        judged = list(zip(self._kinds, found, strict=True))[count // 2 :]
        asked = Counter(kind for kind, _ in judged)
        hit = Counter(kind for kind, fresh in judged if fresh)
        return {kind: hit[kind] / asked[kind] for kind in asked}
