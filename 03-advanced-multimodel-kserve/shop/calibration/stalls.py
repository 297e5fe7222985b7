"""How often the host takes the CPU away from a process that does nothing but look at the clock."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from planner.calibration import Noise
from workbench.processes import MachineTime, machine_time

__all__ = ["StallProbe"]

_STALL_S: Final = 200e-6


class StallProbe:
    """Looks now and then, for a moment each time, while nothing else is being measured."""

    def __init__(self) -> None:
        self._watched_s = 0.0
        self._stalls: list[float] = []
        self._before = _machine_time()

    def look(self, seconds: float) -> None:
        """Reads the clock over and over; a gap of 0.2 ms or longer between two readings counts as a stall."""
        clock = time.perf_counter
        before = began = clock()
        while before - began < seconds:
            now = clock()
            if now - before >= _STALL_S:
                self._stalls.append(now - before)
            before = now
        self._watched_s += before - began

    def noise(self) -> Noise:
        """What was seen so far; the hypervisor's share since this probe was made."""
        stalled = sum(self._stalls) / self._watched_s if self._watched_s else 0.0
        now = _machine_time()
        stolen = (now.steal - self._before.steal) / max(now.total - self._before.total, 1)
        return Noise(
            stalled=round(min(stalled, 1.0), 5),
            longest_ms=round(max(self._stalls, default=0.0) * 1e3, 3),
            stalls_per_s=round(len(self._stalls) / self._watched_s, 1) if self._watched_s else 0.0,
            steal=round(stolen, 4),
        )


def _machine_time() -> MachineTime:
    with suppress(OSError):
        return machine_time()
    return MachineTime(0, 0, 0)
