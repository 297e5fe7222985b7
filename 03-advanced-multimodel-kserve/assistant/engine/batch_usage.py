"""What a batch tells of its sequences and its memory, whichever library runs it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BatchUsage"]


class BatchUsage(NamedTuple):
    """The sequences and memory of a batch, as `EngineReport` has them."""

    running: int
    waiting: int
    kv_used: float
    kv_bytes: int
    preemptions: int
    steps: int | None
    prompt_tokens: int
    prefix_tokens: int | None = None
    prefix_exact: bool = True
