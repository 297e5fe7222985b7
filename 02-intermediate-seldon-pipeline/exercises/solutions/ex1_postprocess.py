"""A solution of exercise 1."""

from __future__ import annotations

import math


def recommend(scores: list[float], rated: set[int], out: set[int], k: int) -> tuple[list[int], str | None]:
    """At most k positions, best first, and why there are fewer."""
    allowed = [place for place, score in enumerate(scores) if place not in rated | out and not math.isnan(score)]
    best = sorted(allowed, key=lambda place: (-scores[place], place))[:k]
    if len(best) == k:
        return best, None
    gone = len(out - rated)
    return best, f"{len(allowed)} of {len(scores)} items left: {len(rated)} rated, {gone} out of stock"
