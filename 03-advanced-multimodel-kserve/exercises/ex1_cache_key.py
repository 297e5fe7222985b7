"""Exercise 1 · A key that is never wrong.

A cache is only as good as its keys. Two requests with the same answer should have the same key, otherwise the cache is
useless. Two requests whose answers may differ must never have the same key, otherwise the cache gives wrong answers.

Write `cache_key(generation, model, version, request)` for searches such as

    {"user": 17, "query": {"category": 3, "price": 25.0}, "candidates": [5, 8, 2], "k": 10}

- The answer depends on the features' generation, the model and its version, the user, the query, the set of candidates
  (but not on their order or on how often one comes). It depends on k only in part: for k up to 10 the server computes
  ten items and cuts them to k; above 10 it computes all. So all k up to 10 share one key, and all above 10 share
  another.
- A price may be missing, or None, which is the same. It is not the same as 0. 25 and 25.0 are.
- The key is bytes: at most 80, however many candidates there are. It is the same in every process, because processes
  share the cache. Fields must not run into each other: user 1 with category 23 is not user 12 with category 3.
- Do not change the request.
"""

from __future__ import annotations

from typing import Any


def cache_key(generation: str, model: str, version: str, request: dict[str, Any]) -> bytes:
    """What the answer is kept under."""
    raise NotImplementedError
