"""The engine as the gateway asks it: one connection, whose answers are told apart by their numbers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from assistant.domain.errors import EngineLostError
from assistant.domain.wire import (
    Accepted,
    Cancel,
    EngineReport,
    Finished,
    Hello,
    Poll,
    Refused,
    Said,
    decode_event,
    encode,
)

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.domain.wire import EngineEvent, Generate

__all__ = ["EngineLink", "Generation", "Link"]

_log = logging.getLogger("assistant")
_RETRY_S: Final = 0.1
_POLL_S: Final = 0.5
_LINE_BYTES: Final = 1 << 20
_Event = Accepted | Said | Finished | Refused


class Link(Protocol):
    """What answers: our own engine behind its socket, or a server with OpenAI's API (`assistant.adapters.upstream`).

    Attributes:
        hello: what runs there; None while it does not answer.
        report: how it does; None where nothing is known.
    """

    hello: Hello | None
    report: EngineReport | None

    def start(self) -> None:
        """Begins to connect; called on the running loop."""

    async def stop(self) -> None:
        """Ends the connection, and with it what is under way."""

    def generate(self, request: Generate) -> Generation:
        """Has it begin to answer; raises `EngineLostError` where it does not answer."""

    def drop(self, generation: Generation, *, cancel: bool) -> None:
        """Forgets a generation, and has it end."""


class Generation:
    """One answer under way. It must be closed: an engine that is not told goes on computing.

    Attributes:
        id: its number.
    """

    def __init__(self, link: Link, number: int) -> None:
        self.id = number
        self._link = link
        self._events: asyncio.Queue[_Event | None] = asyncio.Queue()
        self._over = False

    async def next(self, timeout_s: float) -> _Event | None:
        """The next event; None where none came in time.

        Raises:
            EngineLostError: the engine has ended, or the connection to it.
        """
        try:
            async with asyncio.timeout(timeout_s):
                event = await self._events.get()
        except TimeoutError:
            return None
        if event is None:
            self._over = True
            raise EngineLostError
        self._over = isinstance(event, Finished | Refused)
        return event

    def put(self, event: _Event | None) -> None:
        """What the link has for it; None once the engine is lost."""
        self._events.put_nowait(event)

    def close(self) -> None:
        """Ends it; what the engine still computes of it is cancelled."""
        self._link.drop(self, cancel=not self._over)
        self._over = True


class EngineLink:
    """The connection; made again whenever it is lost.

    Args:
        path: the engine's Unix socket.

    Attributes:
        hello: what runs there, once connected; None before, and while the connection is lost.
        report: how the engine does, half a second old at most; None while nothing is known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = count(1)
        self._waiting: dict[int, Generation] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self.hello: Hello | None = None
        self.report: EngineReport | None = None

    def start(self) -> None:
        """Begins to connect; called on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._stay_connected())

    async def stop(self) -> None:
        """Closes the connection; the engine cancels what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def generate(self, request: Generate) -> Generation:
        """Has the engine begin; the request gets a number of its own.

        Raises:
            EngineLostError: there is no engine.
        """
        if self._writer is None:
            raise EngineLostError
        generation = Generation(self, next(self._numbers))
        self._waiting[generation.id] = generation
        self._writer.write(encode(msgspec.structs.replace(request, id=generation.id)))
        return generation

    def drop(self, generation: Generation, *, cancel: bool) -> None:
        """Forgets a generation, and tells the engine to."""
        known = self._waiting.pop(generation.id, None)
        if known is not None and cancel and self._writer is not None:
            self._writer.write(encode(Cancel(generation.id)))

    async def _stay_connected(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=_LINE_BYTES)
            except OSError:
                await asyncio.sleep(_RETRY_S)
                continue
            polling = asyncio.get_running_loop().create_task(self._poll(self._writer))
            try:
                await self._read(reader)
            except (OSError, ValueError) as error:  # msgspec's errors and too long a line are ValueErrors
                _log.warning("engine %s: %s", self._path, error)
            finally:
                polling.cancel()
                self._lose()

    async def _poll(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                writer.write(encode(Poll()))
                await asyncio.sleep(_POLL_S)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self._take(decode_event(line))

    def _take(self, event: EngineEvent) -> None:
        if isinstance(event, Hello):
            self.hello = event
            _log.info("engine: %s, weights %.12s", event.engine, event.sha256)
        elif isinstance(event, EngineReport):
            self.report = event
        elif event.id in self._waiting:
            self._waiting[event.id].put(event)

    def _lose(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = self.hello = self.report = None
        for generation in self._waiting.values():
            generation.put(None)
        self._waiting.clear()
