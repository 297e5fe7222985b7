"""Exercise 2 · One computes, nobody hangs.

An answer runs out, and a hundred requests want it in the same millisecond. If all of them compute it, the model server
gets a hundred times the work (a stampede). So whoever wins a lock computes, and the others wait for what they find. But
a lock is a promise, and whoever made it may fail, be cancelled, or be killed with the lock in its hand.

Write `answer(store, key, compute)`:

- What the store has under `key` is the answer.
- Else try to get the lock `lock:<key>`, for 0.2 s. Between your look and your lock somebody may have finished: look
  again.
- With the lock: await `compute()`, put its answer into the store, delete the lock.
- If `compute()` raises, or this task is cancelled meanwhile, delete the lock, so that the next one need not wait, and
  let it out.
- Without the lock: look every 2 ms. After 12 ms do not rely on anybody: compute it yourself, store it, leave the lock.

Use asyncio.sleep, and as the clock the loop's own, asyncio.get_running_loop().time(): the checks simulate both.
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
        """What is there."""

    async def put(self, key: str, value: str) -> None:
        """Keep it."""

    async def put_if_absent(self, key: str, value: str, lasts_s: float) -> bool:
        """Keep it so long, unless something is there; whether it was kept."""

    async def delete(self, key: str) -> None:
        """Forget it."""


async def answer(store: Store, key: str, compute: Callable[[], Awaitable[str]]) -> str:
    """The answer, computed once."""
    raise NotImplementedError
