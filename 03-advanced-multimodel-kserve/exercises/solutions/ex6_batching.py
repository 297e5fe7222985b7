"""Exercise 6, solved: all in turn, forwards and backwards, and medians."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST = 8


def choose(measure: Callable[[float], tuple[float, float]], delays_s: Sequence[float], limit_s: float) -> float:
    """The delay to configure, in seconds."""
    seen: dict[float, list[tuple[float, float]]] = {delay: [] for delay in delays_s}
    for turn in range(MOST):
        for delay in delays_s if turn % 2 == 0 else reversed(delays_s):
            seen[delay].append(measure(delay))
    rates = {delay: median(rate for rate, _ in found) for delay, found in seen.items()}
    kept = [delay for delay, found in seen.items() if median(p99 for _, p99 in found) <= limit_s]
    if not kept:
        raise ValueError(f"no delay of {list(delays_s)} keeps {limit_s:g} s")
    return max(kept, key=rates.__getitem__)
