"""Exercise 2 · One computes, nobody hangs.

A cached answer expires, and a hundred requests want it in the same millisecond. If all of them compute it, the model
server gets a hundred times the work (a stampede). So the request that gets a lock computes, and the others wait for its
answer. But the one with the lock may fail, be cancelled or be killed before it gives the lock back.

Write `answer(store, key, compute)`:

- If the store has an answer under `key`, return it.
- Else try to get the lock `lock:<key>`, for 0.2 s. Somebody may have finished between your look and your lock, so look
  again.
- With the lock: await `compute()`, put its answer into the store, delete the lock.
- If `compute()` raises, or this task is cancelled meanwhile, delete the lock, so that the next one need not wait, and
  let the exception through.
- Without the lock: look every 2 ms. After 12 ms wait no longer: compute it yourself, store it, and leave the lock
  alone.

Use asyncio.sleep, and the loop's own clock, asyncio.get_running_loop().time(): the checks simulate both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOCK_S = 0.2
POLL_S = 0.002
WAIT_S = 0.012


class Store(Protocol):
    """What all processes share; each call is a round trip."""

    async def get(self, key: str) -> str | None:
        """The value of a key, ``None`` where there is none."""

    async def put(self, key: str, value: str) -> None:
        """Stores a value for good."""

    async def put_if_absent(self, key: str, value: str, lasts_s: float) -> bool:
        """Stores a value for so many seconds unless the key has one; returns whether it did."""

    async def delete(self, key: str) -> None:
        """Deletes the key, if it is there."""


async def answer(store: Store, key: str, compute: Callable[[], Awaitable[str]]) -> str:
    """The answer, computed once."""
    raise NotImplementedError
