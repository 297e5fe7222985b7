"""The CPU and memory of the stack's processes, by what they do."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil

from servekit.errors import NotReadyError
from workbench.processes import cpu_s, family, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["GENERATOR", "Processes", "Usage", "find_processes"]

GENERATOR: Final = "generator"
"""This process, which sends the load."""
_SPAWNED: Final = re.compile(r"spawned: '(\S+)' with pid (\d+)")
_NUMBER: Final = re.compile(r"-\d+\Z")
_ALIASES: Final = {"envoy": "edge"}


class Usage(NamedTuple):
    """Seconds of CPU that each kind of process has used so far, and all processes of the machine; loopback bytes."""

    at_s: float
    cpu_s: dict[str, float]
    machine_cpu_s: float
    loopback_bytes: int

    def since(self, before: Usage) -> Usage:
        """What was used since an earlier reading; ``at_s`` is the time in between."""
        spent = {name: seconds - before.cpu_s.get(name, 0.0) for name, seconds in self.cpu_s.items()}
        machine_cpu_s = self.machine_cpu_s - before.machine_cpu_s
        return Usage(self.at_s - before.at_s, spent, machine_cpu_s, self.loopback_bytes - before.loopback_bytes)

    @property
    def others(self) -> float:
        """Of a difference: the share of the machine's CPU that went to processes not named here."""
        foreign = self.machine_cpu_s - sum(self.cpu_s.values())
        return max(foreign, 0.0) / (self.at_s * (psutil.cpu_count() or 1)) if self.at_s else 0.0


class Processes:
    """Processes with their children, under the name of what they do; the caller is the generator.

    Args:
        pids: of each kind of process, e.g. ``{"gateway": [11, 12]}``.
    """

    def __init__(self, pids: Mapping[str, list[int]]) -> None:
        self._families = {name: [family(pid) for pid in each] for name, each in pids.items()}

    @property
    def names(self) -> list[str]:
        """The names of the kinds of process."""
        return list(self._families)

    def count(self, name: str) -> int:
        """How many processes of a kind there are, children not counted."""
        return len(self._families.get(name, []))

    def usage(self) -> Usage:
        """What all processes have used up to now."""
        used = {name: sum(map(cpu_s, families)) for name, families in self._families.items()}
        used[GENERATOR] = time.process_time()
        return Usage(time.monotonic(), used, _machine_cpu_s(), _loopback_bytes())

    def rest(self, seconds: float) -> Usage:
        """What the processes use while nobody asks anything, this one left out."""
        before = self.usage()
        time.sleep(seconds)
        used = self.usage().since(before)
        return used._replace(cpu_s={name: cpu for name, cpu in used.cpu_s.items() if name != GENERATOR})

    def resident_mb(self) -> dict[str, float]:
        """Memory of one process of each kind with its children, in megabytes (10⁶ bytes)."""
        sizes = {}
        for name, families in self._families.items():
            sizes[name] = round(sum(map(resident_bytes, families)) / max(len(families), 1) / 1e6, 1)
        return sizes


def find_processes(run_dir: Path) -> Processes:
    """The processes of the stack in a run folder, by supervisord's own log (Valkey writes over its environment).

    Raises:
        NotReadyError: no stack has been started there, or its processes are gone.
    """
    try:
        log = (run_dir / "supervisord.log").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotReadyError("level 3", None, "not running: run make up-3") from None
    newest = {name: int(pid) for name, pid in _SPAWNED.findall(log)}
    found: dict[str, list[int]] = {}
    for name, pid in newest.items():
        if psutil.pid_exists(pid):
            role = _NUMBER.sub("", name)
            found.setdefault(_ALIASES.get(role, role), []).append(pid)
    if not found:
        raise NotReadyError("level 3", None, "its processes are gone: run make down-3 up-3")
    return Processes(found)


def _machine_cpu_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0))


def _loopback_bytes() -> int:
    counters = psutil.net_io_counters(pernic=True)
    return int(counters["lo"].bytes_recv) if "lo" in counters else 0
