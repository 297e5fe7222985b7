"""The engine's loop: read commands, run one step, write what it gave, and so on. One thread, because a step is all."""

from __future__ import annotations

import contextlib
import selectors
import signal
from typing import TYPE_CHECKING, Protocol

import msgspec

from assistant.domain.wire import (
    Accepted,
    Cancel,
    EngineReport,
    Finished,
    Generate,
    Refused,
    Said,
    decode_command,
    encode,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from assistant.domain.wire import Command, EngineEvent, Hello
    from assistant.engine.batch_usage import BatchUsage

__all__ = ["EngineServer", "Steps"]

_IDLE_S = 0.2
_CHUNK = 65_536
_MOST_UNREAD = 8 * 1024 * 1024  # of a gateway that reads nothing any more


class Steps(Protocol):
    """What the loop asks of a batch (`assistant.engine.batch.Batch`)."""

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""

    def add(self, number: int, request: Generate) -> EngineEvent | None:
        """Takes a request in, or refuses it; None where the number of its tokens comes with a step."""

    def cancel(self, number: int) -> None:
        """Forgets a sequence, whether it is there or not."""

    def step(self) -> Sequence[tuple[int, Accepted | Said | Finished | Refused]]:
        """One pass through the model."""

    def usage(self) -> BatchUsage:
        """The sequences and the memory."""


class _Peer:
    """A connection of a gateway, what it has sent of a line, and what it has not read yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.unsent = bytearray()
        self.numbers: dict[int, int] = {}  # the gateway's ids: the batch's numbers

    def say(self, event: EngineEvent) -> None:
        self.unsent += encode(event)


class EngineServer:
    """Serves the gateways that connect to a Unix socket.

    Args:
        batch: runs the model.
        listener: bound and listening.
        hello: said first to each that connects.
        measure: the processor time in seconds and the memory in bytes of this process.
        stuck_s: a step or a report that takes longer ends the process, by a signal: Python cannot interrupt one.
    """

    def __init__(
        self,
        batch: Steps,
        listener: socket.socket,
        hello: Hello,
        measure: Callable[[], tuple[float, int]],
        stuck_s: float,
    ) -> None:
        self._stuck_s = stuck_s
        self._batch = batch
        self._hello = hello
        self._measure = measure
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._owners: dict[int, tuple[_Peer, int]] = {}  # by the batch's numbers
        self._next = 0
        self.stopping = False

    def run(self) -> None:
        """Serves until `stopping` is set."""
        while not self.stopping:
            self.turn(0.0 if self._batch.busy else _IDLE_S)

    def close(self) -> None:
        """Closes every connection."""
        for peer in self._peers():
            self._lose(peer)
        self._selector.close()

    def turn(self, timeout_s: float) -> None:
        """Reads what has come, runs one step if there is anything to do, and writes."""
        ready = self._selector.select(timeout_s)
        signal.setitimer(signal.ITIMER_REAL, self._stuck_s)
        for key, events in ready:
            if key.data is None:
                self._accept()
            elif events & selectors.EVENT_READ:
                self._receive(key.data)
        if self._batch.busy:
            for number, event in self._batch.step():
                self._pass_on(number, event)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for peer in self._peers():
            self._send(peer)

    def _peers(self) -> list[_Peer]:
        return [key.data for key in self._selector.get_map().values() if key.data is not None]

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        peer = _Peer(connection)
        peer.say(self._hello)
        self._selector.register(connection, selectors.EVENT_READ, peer)

    def _receive(self, peer: _Peer) -> None:
        try:
            data = peer.connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(peer)
            return
        *lines, peer.received = (peer.received + data).split(b"\n")
        try:
            for line in lines:
                self._obey(peer, decode_command(line))
        except msgspec.DecodeError:
            self._lose(peer)

    def _obey(self, peer: _Peer, command: Command) -> None:
        if isinstance(command, Generate):
            number, self._next = self._next, self._next + 1
            event = self._batch.add(number, command)
            if not isinstance(event, Refused):
                peer.numbers[command.id] = number
                self._owners[number] = peer, command.id
            if event is not None:
                peer.say(event)
        elif isinstance(command, Cancel):
            number = peer.numbers.pop(command.id, -1)
            self._owners.pop(number, None)
            self._batch.cancel(number)
        else:
            peer.say(self._report())

    def _report(self) -> EngineReport:
        usage, (cpu_s, resident) = self._batch.usage(), self._measure()
        return EngineReport(
            usage.running,
            usage.waiting,
            usage.kv_used,
            usage.preemptions,
            usage.steps,
            usage.prompt_tokens,
            cpu_s,
            resident,
            usage.kv_bytes,
            usage.prefix_tokens,
            usage.prefix_exact,
        )

    def _pass_on(self, number: int, event: Accepted | Said | Finished | Refused) -> None:
        peer, name = self._owners.get(number, (None, 0))
        if peer is None:
            return
        if isinstance(event, Finished | Refused):
            del self._owners[number]
            peer.numbers.pop(name, None)
        peer.say(msgspec.structs.replace(event, id=name))

    def _send(self, peer: _Peer) -> None:
        try:
            while peer.unsent:
                del peer.unsent[: peer.connection.send(peer.unsent)]
        except BlockingIOError:
            if len(peer.unsent) > _MOST_UNREAD:
                self._lose(peer)
        except OSError:
            self._lose(peer)

    def _lose(self, peer: _Peer) -> None:
        """Whoever is gone waits for nothing: its sequences are cancelled."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(peer.connection)
        peer.connection.close()
        peer.unsent.clear()
        for number in peer.numbers.values():
            self._owners.pop(number, None)
            self._batch.cancel(number)
        peer.numbers.clear()
