"""Exercise 3 · Where each millisecond goes.

A trace is a list of spans. The first span is the whole request; the others are the steps for which it waits. Each has a
name, a start and an end in milliseconds:

    [("POST", 0, 14), ("preprocessor", 1, 4), ("model", 4, 10), ("postprocessor", 10, 13)]

1. Write `shares(trace)`: milliseconds by name for each step, and under "router" the time in which no step ran,
   here {"preprocessor": 3, "model": 6, "postprocessor": 3, "router": 2}. A step that was called twice counts
   with the sum. Two steps may run at the same time, as under a COMBINER; the router waits for both. Time in which any
   step runs is not the router's.

2. Write `culprit(fast, slow)`: given the shares of a fast and of a slow request, the name whose time
   grew most.
"""

from __future__ import annotations

Span = tuple[str, float, float]


def shares(trace: list[Span]) -> dict[str, float]:
    """Milliseconds of each step, and of the router."""
    raise NotImplementedError


def culprit(fast: dict[str, float], slow: dict[str, float]) -> str:
    """What the slow request spent more time in than the fast one."""
    raise NotImplementedError
