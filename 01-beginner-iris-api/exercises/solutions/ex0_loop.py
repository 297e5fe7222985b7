"""Exercise 0, solved."""

from __future__ import annotations

FAILED = 500


def availability(statuses: list[int]) -> float:
    """The share of answers that are no failure of the server."""
    if not statuses:
        return 1.0
    return sum(status < FAILED for status in statuses) / len(statuses)
