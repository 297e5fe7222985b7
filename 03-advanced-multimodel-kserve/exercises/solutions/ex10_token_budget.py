"""Exercise 10, solved: for each key what was left and when; the rest is computed when somebody asks."""

from __future__ import annotations

from math import inf


class Budgets:
    """The buckets of all keys."""

    def __init__(self, per_minute: float) -> None:
        """Takes how many tokens a key has a minute."""
        self.per_minute = per_minute
        self.left: dict[str, tuple[float, float]] = {}

    def take(self, key: str, tokens: int, now_s: float) -> float | None:
        """None: the tokens are reserved; a number of seconds: refused until then."""
        if tokens > self.per_minute:
            return inf
        left = self.now(key, now_s)
        if tokens > left:
            return (tokens - left) / (self.per_minute / 60)
        self.left[key] = left - tokens, now_s
        return None

    def give_back(self, key: str, tokens: int, now_s: float) -> None:
        """Puts back what a request reserved and did not use."""
        self.left[key] = min(self.now(key, now_s) + tokens, self.per_minute), now_s

    def now(self, key: str, now_s: float) -> float:
        """What a key has left."""
        left, since_s = self.left.get(key, (self.per_minute, now_s))
        return min(left + (now_s - since_s) * self.per_minute / 60, self.per_minute)
