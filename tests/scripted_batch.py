"""An engine without a model: it says what it is told to, one token a step, over the real socket and the real loop."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from assistant.domain.wire import Accepted, Finished, Hello, Refused, Said
from assistant.engine.batch_usage import BatchUsage
from assistant.engine.server import EngineServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assistant.domain.wire import EngineEvent, Generate

__all__ = ["ScriptedBatch", "running_engine"]

_STEP_S = 0.0005


class ScriptedBatch:
    """Answers every request with ``token `` again and again, as often as it asks for.

    Attributes:
        held: while set, steps give nothing, as those of a long prompt.
        hold_after: it holds itself once it has said so many tokens; 0: never.
        context: longer ones are refused.
        cancelled: the numbers that were.
        asked: every request that came.
        said: tokens, of all answers.
    """

    def __init__(self) -> None:
        self.held = False
        self.hold_after = 0
        self.context = 1000
        self.cancelled: list[int] = []
        self.said = 0
        self.asked: list[Generate] = []
        self._left: dict[int, int] = {}

    @property
    def busy(self) -> bool:
        return bool(self._left)

    def add(self, number: int, request: Generate) -> EngineEvent:
        self.asked.append(request)
        tokens = sum(len(turn.content.split()) for turn in request.turns)
        if tokens + request.max_tokens > self.context:
            return Refused(request.id, "context_length_exceeded", f"{tokens} tokens: expected fewer")
        self._left[number] = request.max_tokens
        return Accepted(request.id, tokens)

    def cancel(self, number: int) -> None:
        if self._left.pop(number, None) is not None:
            self.cancelled.append(number)

    def step(self) -> list[tuple[int, Said | Finished]]:
        time.sleep(_STEP_S)
        said: list[tuple[int, Said | Finished]] = []
        for number in () if self.held else list(self._left):
            self._left[number] -= 1
            self.said += 1
            self.held = self.held or self.said == self.hold_after
            said.append((number, Said(number, "token ", 1)))
            if not self._left[number]:
                del self._left[number]
                said.append((number, Finished(number, "length")))
        return said

    def usage(self) -> BatchUsage:
        return BatchUsage(len(self._left), 0, 0.5, 1000, 0, self.said, 100, 64, prefix_exact=False)


@contextmanager
def running_engine(path: Path, batch: ScriptedBatch) -> Iterator[EngineServer]:
    """The loop in a thread of its own, until the context ends: then the socket closes, as when the process dies."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        server = EngineServer(batch, listener, Hello("scripted", "0" * 64, batch.context, 8192), lambda: (1.5, 2), 60)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stopping = True
            with socket.socket(socket.AF_UNIX) as knock, suppress(OSError):
                knock.connect(str(path))  # it looks up at once
            thread.join()
            server.close()
