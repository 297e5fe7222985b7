"""One machine whose single-threaded processes share a few cores: processor sharing, as a kernel's scheduler does it."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import simpy

__all__ = ["Cores", "Machine", "Process"]


class Machine(NamedTuple):
    """A machine: its cores, how many gateways run on it, and on average how many threads of other programs."""

    cores: int
    gateways: int = 1
    others: float = 0.0


class Cores:
    """Cores that all runnable processes share evenly, those of other programs among them, none faster than one core.

    Kept in virtual time, which passes for everybody at the common speed: a piece of work ends when the virtual clock
    has advanced by its length, so arrivals and ends cost O(log n) however many run.
    """

    def __init__(self, env: simpy.Environment, cores: int, others: float = 0.0) -> None:
        self._env = env
        self._cores = cores
        self._others = others
        self._virtual = self._seen = 0.0
        self._ends: list[tuple[float, int, simpy.Event]] = []
        self._count = 0
        self._alarm = 0

    def work(self, seconds: float) -> simpy.Event:
        """An event that happens when this many seconds of CPU have been used."""
        self._advance()
        done = self._env.event()
        self._count += 1
        heappush(self._ends, (self._virtual + seconds, self._count, done))
        self._set_alarm()
        return done

    @property
    def _speed(self) -> float:
        return min(1.0, self._cores / (len(self._ends) + self._others)) if self._ends else 0.0

    def _advance(self) -> None:
        self._virtual += (self._env.now - self._seen) * self._speed
        self._seen = self._env.now

    def _set_alarm(self) -> None:
        self._alarm += 1
        if self._ends:
            due = max(self._ends[0][0] - self._virtual, 0.0) / self._speed
            self._env.timeout(due, self._alarm).callbacks.append(self._ring)

    def _ring(self, event: simpy.Event) -> None:
        if event.value != self._alarm:
            return  # somebody came or went since, and the alarm was set anew
        self._advance()
        end = self._ends[0][0]
        self._virtual = max(self._virtual, end)
        while self._ends and self._ends[0][0] <= end:
            heappop(self._ends)[2].succeed()
        self._set_alarm()


class Process:
    """A single-threaded process on shared cores: one piece of work at a time, first come first served."""

    def __init__(self, env: simpy.Environment, cores: Cores) -> None:
        self._env = env
        self._cores = cores
        self._waiting: deque[tuple[float, simpy.Event]] = deque()
        self._busy = False

    def serve(self, seconds: float) -> simpy.Event:
        """An event that happens when the work is done."""
        done = self._env.event()
        self._waiting.append((seconds, done))
        if not self._busy:
            self._next()
        return done

    def _next(self) -> None:
        self._busy = bool(self._waiting)
        if self._waiting:
            seconds, done = self._waiting.popleft()
            self._cores.work(seconds).callbacks.append(lambda _: self._finish(done))

    def _finish(self, done: simpy.Event) -> None:
        done.succeed()
        self._next()
