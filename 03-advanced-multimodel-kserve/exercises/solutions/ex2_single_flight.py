"""A solution of exercise 2."""

from __future__ import annotations

import asyncio
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
    found = await store.get(key)
    if found is None:
        if await store.put_if_absent(f"lock:{key}", "1", LOCK_S):
            return await _owner(store, key, compute)
        found = await _others(store, key)
    if found is None:
        found = await compute()
        await store.put(key, found)
    return found


async def _owner(store: Store, key: str, compute: Callable[[], Awaitable[str]]) -> str:
    try:
        found = await store.get(key)
        if found is None:
            found = await compute()
            await store.put(key, found)
    except BaseException:  # a cancelled task raises CancelledError, which is no Exception
        await store.delete(f"lock:{key}")
        raise
    await store.delete(f"lock:{key}")
    return found


async def _others(store: Store, key: str) -> str | None:
    """What the owner of the lock finds; None when it takes too long."""
    until = asyncio.get_running_loop().time() + WAIT_S
    while (left := until - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(POLL_S, left))
        found = await store.get(key)
        if found is not None:
            return found
    return None
