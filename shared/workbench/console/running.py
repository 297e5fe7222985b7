"""The processes of the levels that run from this folder, as their supervisors know them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.processes import cpu_s, family, resident_bytes
from workbench.stack import Stack, StackError, run_folder
from workbench.stack.control import ask
from workbench.stack.status import starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.stack.control import ProcessState

__all__ = ["LevelState", "ProcessUsage", "UsageMeter", "level_state"]


@dataclass(frozen=True)
class LevelState:
    """A level's processes.

    Attributes:
        processes: by name; empty when the level is down.
        restarts: how often each was started again, by name.
        problem: why its supervisor does not answer, if there is one.
    """

    processes: Mapping[str, ProcessState]
    restarts: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def down(self) -> frozenset[str]:
        """The names of the processes that do not run."""
        return frozenset(name for name, state in self.processes.items() if state.pid is None)

    @property
    def word(self) -> str:
        """``up``, ``down``, or ``failing`` when a process does not run or the supervisor does not answer."""
        if self.problem or self.down:
            return "failing"
        return "up" if self.processes else "down"


@dataclass(frozen=True)
class ProcessUsage:
    """CPU in cores since it was asked last, and resident bytes, children included."""

    cpu: float
    memory: int


def level_state(level: int) -> LevelState:
    """The state of a level at this moment."""
    stack = Stack(level, [], run_folder(level))
    if not stack.pid_file.exists():
        return LevelState({})
    try:
        return LevelState(ask(stack), {name: count - 1 for name, count in starts(stack).items()})
    except StackError as error:
        return LevelState({}, problem=str(error))


class UsageMeter:
    """Measures what processes use between two questions."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[float, float]] = {}

    def measure(self, pids: Iterable[int]) -> dict[int, ProcessUsage]:
        """By pid; the CPU of one that is asked about for the first time is 0."""
        measured, before = {}, self._before
        self._before = {}
        for pid in pids:
            processes, now = family(pid), time.monotonic()
            used = cpu_s(processes)
            then, used_then = before.get(pid, (now, used))
            self._before[pid] = now, used
            share = max(0.0, used - used_then) / (now - then) if now > then else 0.0
            measured[pid] = ProcessUsage(share, resident_bytes(processes))
        return measured
