"""Exercise 1 · A key that is never wrong.

An inference cache is as right as its keys. Two questions with the same answer should have the same key, or the cache is
useless; two questions whose answers may differ must never have the same key, or it lies.

Write `cache_key(generation, model, version, request)` for searches such as

    {"user": 17, "query": {"category": 3, "price": 25.0}, "candidates": [5, 8, 2], "k": 10}

- The answer depends on the features' generation, the model and its version, the user, the query, the set of candidates
  (neither their order nor how often one comes) and on k only so far: up to 10, ten items are computed and cut to k;
  above, all of them are. So all k up to 10 share a key, and so do all above.
- A price may be missing, or None, which is the same. It is not the same as 0. 25 and 25.0 are.
- The key is bytes, at most 80 of them however many candidates there are, and the same in every process: the cache is
  shared. Fields must not run into each other: user 1 with category 23 is not user 12 with category 3.
- The request stays as it is.
"""

from __future__ import annotations

from typing import Any


def cache_key(generation: str, model: str, version: str, request: dict[str, Any]) -> bytes:
    """What the answer is kept under."""
    raise NotImplementedError
