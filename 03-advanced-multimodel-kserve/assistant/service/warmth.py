"""Whether the engine is warm: the beginning that all prompts share has been computed, and is in its prefix cache."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from assistant.domain.contracts import ChatMessage
from assistant.domain.errors import EngineLostError
from assistant.domain.prompt import make_turns
from assistant.domain.wire import Finished, Generate, Refused

if TYPE_CHECKING:
    from assistant.adapters.engine import Link
    from assistant.domain.wire import Hello

__all__ = ["Warmth"]

_LOOK_S: Final = 0.1
_PATIENCE_S: Final = 60.0


class Warmth:
    """Warms each engine up once: the first, and every one that is started after it.

    Args:
        link: the connection to it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._warm: Hello | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def missing(self) -> str:
        """What is missing before requests should come; empty when nothing is."""
        if self._link.hello is None:
            return "not there: it starts, or is being started anew"
        return "" if self._warm is self._link.hello else "it is warming up"

    def start(self) -> None:
        """Begins to look; called on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Ends the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            hello = self._link.hello
            if hello is not None and hello is not self._warm and await self._answers():
                self._warm = hello
            await asyncio.sleep(_LOOK_S)

    async def _answers(self) -> bool:
        turns = make_turns([ChatMessage("user", "What does it cost?")], {"price": "1 EUR"})
        try:
            generation = self._link.generate(Generate(0, turns, 2))
        except EngineLostError:
            return False
        try:
            while (event := await generation.next(_PATIENCE_S)) is not None:
                if isinstance(event, Finished | Refused):
                    return isinstance(event, Finished)
        except EngineLostError:
            return False
        finally:
            generation.close()
        return False
