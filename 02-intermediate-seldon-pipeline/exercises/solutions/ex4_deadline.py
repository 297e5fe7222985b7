"""A solution of exercise 4."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Refused(Exception):  # noqa: N818 - the step's word for it
    """What a step raises that does not want to answer."""

    def __init__(self, status: int, info: str) -> None:
        super().__init__(status, info)
        self.status = status
        self.info = info


async def ask(name: str, call: Callable[[], Awaitable[str]], limit_s: float) -> tuple[int, str]:
    """The status and the text that the client gets."""
    try:
        async with asyncio.timeout(limit_s):
            return 200, await call()
    except Refused as refusal:
        return refusal.status, f"step {name}: {refusal.info}"
    except TimeoutError:  # an OSError too, so it comes first
        return 504, f"step {name}: no answer within {limit_s * 1e3:g} ms"
    except OSError as error:
        return 503, f"step {name}: {error}: try again"
