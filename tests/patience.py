"""Waiting for what must happen, however busy the machine is.

A test that waits says what for, and gives up only after a time in which anything that works has long happened: such a
limit tells a failure from success, never a slow machine from a fast one.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GENEROUS_S", "async_until", "until"]

GENEROUS_S = 120.0
"""How long anything that must happen may take on a busy machine."""

_PAUSE_S = 0.02

T = TypeVar("T")


def until(condition: Callable[[], T], what: str | Callable[[], str] = "so", limit_s: float = GENEROUS_S) -> T:
    """What the condition gives as soon as that is true.

    Args:
        condition: asked fifty times a second.
        what: what it waits for, as in "not ready within 120 s"; or what tells why it never came.
        limit_s: when to give up.
    """
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, _complaint(what, limit_s)
        time.sleep(_PAUSE_S)
    return found


async def async_until(
    condition: Callable[[], Any], what: str | Callable[[], str] = "so", limit_s: float = GENEROUS_S
) -> None:
    """Waits as `until` does, while the event loop goes on; the condition may be a coroutine function."""
    deadline = time.monotonic() + limit_s
    while True:
        found = condition()
        if await found if inspect.isawaitable(found) else found:
            return
        assert time.monotonic() < deadline, _complaint(what, limit_s)
        await asyncio.sleep(_PAUSE_S)


def _complaint(what: str | Callable[[], str], limit_s: float) -> str:
    return f"not {what} within {limit_s:g} s" if isinstance(what, str) else what()
