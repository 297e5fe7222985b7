"""A solution of exercise 1."""

from __future__ import annotations

import hashlib
import json
from typing import Any

FEW = 10


def cache_key(generation: str, model: str, version: str, request: dict[str, Any]) -> bytes:
    """What the answer is kept under."""
    query = request["query"]
    price = query.get("price")
    depends_on = [
        generation,
        model,
        version,
        request["user"],
        query["category"],
        None if price is None else float(price),
        sorted(set(request["candidates"])),
        request["k"] <= FEW,
    ]
    return hashlib.blake2b(json.dumps(depends_on).encode(), digest_size=16).hexdigest().encode()
