"""A solution of exercise 3."""

from __future__ import annotations

from collections import Counter

Span = tuple[str, float, float]


def shares(trace: list[Span]) -> dict[str, float]:
    """Milliseconds of each step, and of the router."""
    (_, began, ended), *steps = trace
    found: Counter[str] = Counter()
    busy, until = 0.0, began
    for name, start, end in sorted(steps, key=lambda span: span[1]):
        found[name] += end - start  # type: ignore[assignment]  # a Counter may hold floats
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return {**found, "router": ended - began - busy}


def culprit(fast: dict[str, float], slow: dict[str, float]) -> str:
    """What the slow request spent more time in than the fast one."""
    return max(slow, key=lambda name: slow[name] - fast.get(name, 0.0))
