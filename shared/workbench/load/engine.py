"""The engine: requests under way over kept connections, in one loop that never waits for any of them alone."""

from __future__ import annotations

import socket
import time
from collections import deque
from contextlib import suppress
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Any, Final, Protocol, Self
from urllib.parse import urlsplit

from workbench.load.answer import Answer, Failure
from workbench.load.connection import Connection, Ending, failure_of
from workbench.load.timer import Timer
from workbench.load.unpatched import Selector, Socket

if TYPE_CHECKING:
    from selectors import SelectorKey

__all__ = ["Engine", "Heard"]

_SLICE_S: Final = 0.1
_RESOLVE_S: Final = 1.0


class Heard(Protocol):
    """Told how a request ended; it may send others."""

    def __call__(self, answer: Answer, /) -> object:
        """Called once for each request, between two turns of the loop: what it does delays the next answer."""
        ...


class Engine:
    """Sends requests over at most ``connections`` connections to one origin; an idle one is reused, the newest first.

    Times are seconds from its start, which is when it was made. Leaving its context gives up what is still under way:
    that counts as timed out, with its time so far.

    Args:
        url: ``http://host:port``.
        connections: how many requests may be under way; more wait for their turn, first come first served.
        timeout_s: from a request's intended start until it is given up.

    Attributes:
        host: of the URL, as requests name it.
        connections: how many there may be.
        opened: connections that were made so far.
    """

    def __init__(self, url: str, *, connections: int, timeout_s: float = float("inf")) -> None:
        parts = urlsplit(url)
        self.host, self.connections, self.opened = parts.netloc, connections, 0
        self._family, self._address = _resolve(parts.hostname or "", parts.port or 80)
        self._timeout_s = timeout_s
        self._selector, self._timer = Selector(), Timer()
        if self._timer.descriptor >= 0:
            self._selector.register(self._timer.descriptor, EVENT_READ)
        self._idle: list[Connection] = []
        self._busy: dict[Connection, _Exchange] = {}
        self._flight: deque[_Exchange] = deque()  # in the order of their time-outs, also those that are over
        self._turns: deque[_Exchange] = deque()
        self._fresh: Connection | None = None  # has just been read, and is quiet for sure
        self._alarm_s = -1.0
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for exchange in [each for each in self._flight if not each.over]:
            self._give_up(exchange)
        self.close()

    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def waiting_since(self) -> list[float]:
        """The intended starts of the requests that have not ended."""
        return [exchange.at_s for exchange in self._flight if not exchange.over]

    def send(self, at_s: float, wire: bytes, heard: Heard) -> None:
        """Send a request, from `encode`, now; never raises for what the server does.

        Args:
            at_s: its intended start, not after now. Requests come in the order of their intended starts.
            wire: the request's bytes.
            heard: is told how it ended.
        """
        exchange = _Exchange(at_s, self.now() - at_s, wire, heard)
        self._flight.append(exchange)
        self._start(exchange)

    def turn(self, until_s: float) -> None:
        """Tell of the answers that have come; wait for some, until ``until_s`` or a tenth of a second, if none has."""
        now = self.now()
        wake_s = min(until_s, now + _SLICE_S)
        if self._flight:
            wake_s = min(wake_s, self._flight[0].at_s + self._timeout_s)
        for key, events in self._wait(self._arm(wake_s, now)):
            connection: Connection | None = key.data
            if connection is None or connection.closed:
                continue
            if (ending := connection.ready(events)) is not None:
                self._ended(connection, ending)
        self._time_out()

    def drain(self) -> None:
        """Wait until every request has ended, by its answer or by its time-out."""
        self._time_out()
        while self._flight:
            self.turn(float("inf"))

    def close(self) -> None:
        """Close all connections; what is still under way is told of no more."""
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._selector.close()
        self._timer.close()

    def _wait(self, seconds: float | None) -> list[tuple[SelectorKey, int]]:
        """What is ready; the one place that waits, for so long at most, and for ever where that is None."""
        return self._selector.select(seconds)

    def _arm(self, wake_s: float, now: float) -> float | None:
        """Have the timer wake the selector by then; how long to wait, where that does not."""
        if wake_s <= now or self._timer.descriptor < 0:
            return max(wake_s - now, 0.0)
        if not now < self._alarm_s <= wake_s:
            self._timer.set(self._began + wake_s)
            self._alarm_s = wake_s
        return None

    def _start(self, exchange: _Exchange) -> None:
        while self._idle:
            connection = self._idle.pop()
            if connection is self._fresh or connection.quiet():
                self._begin(connection, exchange)
                return
            connection.close()
        if len(self._busy) < self.connections:
            self._connect(exchange)
        else:
            self._turns.append(exchange)

    def _connect(self, exchange: _Exchange) -> None:
        try:
            connection = Connection(self._selector, self._family, self._address)
        except OSError as problem:
            self._tell(exchange, Ending(failure_of(problem)), self.now())
            return
        self.opened += 1
        self._begin(connection, exchange)

    def _begin(self, connection: Connection, exchange: _Exchange) -> None:
        exchange.connection = connection
        self._busy[connection] = exchange
        if (ending := connection.begin(exchange.wire)) is not None:
            self._ended(connection, ending)

    def _ended(self, connection: Connection, ending: Ending) -> None:
        ended_s, exchange = self.now(), self._busy.pop(connection, None)
        if exchange is None:
            self._idle.remove(connection)
            connection.close()
            return
        if connection.keeps:
            self._idle.append(connection)
            self._fresh = connection
        else:
            connection.close()
        if ending.status == Failure.BROKEN and connection.used and not connection.begun:
            self._connect(exchange)  # it was closed while it was idle: that is no error
            return
        self._next_turn()
        self._tell(exchange, ending, ended_s)
        self._fresh = None

    def _next_turn(self) -> None:
        while self._turns and len(self._busy) < self.connections:
            exchange = self._turns.popleft()
            if not exchange.over:
                self._start(exchange)

    def _time_out(self) -> None:
        now = self.now()
        while self._flight and (self._flight[0].over or self._flight[0].at_s + self._timeout_s <= now):
            exchange = self._flight.popleft()
            if not exchange.over:
                self._give_up(exchange)

    def _give_up(self, exchange: _Exchange) -> None:
        connection = exchange.connection
        if connection is not None:
            del self._busy[connection]
            connection.close()
        self._tell(exchange, Ending(Failure.TIMEOUT), self.now())
        self._next_turn()

    def _tell(self, exchange: _Exchange, ending: Ending, ended_s: float) -> None:
        exchange.over, at_s = True, exchange.at_s
        exchange.heard(Answer(at_s, exchange.lag_s, ended_s - at_s, *ending))


class _Exchange:
    """A request under way, over a connection once it has its turn."""

    __slots__ = ("at_s", "connection", "heard", "lag_s", "over", "wire")

    def __init__(self, at_s: float, lag_s: float, wire: bytes, heard: Heard) -> None:
        self.at_s, self.lag_s, self.wire, self.heard = at_s, lag_s, wire, heard
        self.connection: Connection | None = None
        self.over = False


def _resolve(host: str, port: int) -> tuple[int, Any]:
    """Of the addresses of a name the first that takes a connection, or the last of all."""
    found = [(family, address) for family, *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for family, address in found[:-1]:
        with suppress(OSError), Socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(_RESOLVE_S)
            probe.connect(address)
            return family, address
    return found[-1]
