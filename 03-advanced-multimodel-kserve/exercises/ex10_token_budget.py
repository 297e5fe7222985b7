"""Exercise 10 · A budget of tokens.

Some requests to a language model cost a thousand times as much as others, so a limit of requests per minute protects
nothing. Give each API key a *token bucket*, counted in the model's tokens.

A bucket holds `per_minute` tokens and is full at first. They come back evenly: `per_minute` a minute, never above full.
Each key has its own. Nobody knows beforehand how long an answer will be, so a request reserves the most that it may
need, its prompt and the longest answer, and what it did not use is given back when it ends.

- `take` reserves and says None; or it refuses, takes nothing, and says in how many seconds this request would be let in
  if nothing else of this key came (the Retry-After of a 429). A request that is larger than a full bucket can never be
  let in: say `math.inf`.
- `give_back` puts tokens back. A bucket never holds more than when it is full.

`now_s` is the time in seconds; it never goes backwards.
"""

from __future__ import annotations


class Budgets:
    """The buckets of all keys."""

    def __init__(self, per_minute: float) -> None:
        """Takes how many tokens a key has a minute."""
        self.per_minute = per_minute

    def take(self, key: str, tokens: int, now_s: float) -> float | None:
        """None: the tokens are reserved; a number of seconds: refused until then."""
        raise NotImplementedError

    def give_back(self, key: str, tokens: int, now_s: float) -> None:
        """Puts back what a request reserved and did not use."""
        raise NotImplementedError
