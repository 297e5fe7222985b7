"""How busy the machine is while a run goes on: a shared machine can break an SLA that the server keeps."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple, Self

import psutil

from workbench.hardware import hardware_stamp
from workbench.sla.result import Host

__all__ = ["HostWatch"]

_EVERY_S: Final = 0.1
_NOISY_STEAL: Final = 0.02
_NOISY_QUEUE: Final = 1.5
_STEAL: Final = 7


class _Reading(NamedTuple):
    at: float
    steal: int
    total: int
    runnable: int
    generator_s: float


class HostWatch:
    """Samples CPU steal and the run queue from ``/proc/stat`` in a thread; reads zeros where there is none.

    A machine is called noisy when the hypervisor took 2 % of its CPU time or more, or when on average more than 1.5
    processes per core wanted to run. ``pid`` is the load generator, whose CPU use is counted with its children's.
    """

    def __init__(self, pid: int | None = None, stat: Path = Path("/proc/stat")) -> None:
        self._pid = pid
        self._stat = stat
        self._cores = hardware_stamp()["cores"]
        self._readings: list[_Reading] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def sample(self) -> None:
        """Takes one reading; the thread does so ten times a second."""
        with contextlib.suppress(OSError, psutil.Error):  # no /proc, or the generator has just ended
            self._readings.append(_read(self._stat, self._pid))

    def host(self) -> Host:
        """What was seen so far."""
        if len(self._readings) < 2:  # noqa: PLR2004 - a rate takes two readings
            return Host(cores=self._cores)
        first, last = self._readings[0], self._readings[-1]
        queues = [reading.runnable for reading in self._readings]
        steal = (last.steal - first.steal) / max(last.total - first.total, 1)
        queue = sum(queues) / len(queues)
        used = max(reading.generator_s for reading in self._readings)  # a worker that ended counts no more
        return Host(
            steal=round(steal, 4),
            run_queue=round(queue, 2),
            run_queue_max=max(queues),
            cores=self._cores,
            generator_cpu=round((used - first.generator_s) / (last.at - first.at), 2),
            noisy=steal >= _NOISY_STEAL or queue > _NOISY_QUEUE * self._cores,
        )

    def _watch(self) -> None:
        while not self._over.is_set():
            self.sample()
            self._over.wait(_EVERY_S)


def _read(stat: Path, pid: int | None) -> _Reading:
    lines = stat.read_text(encoding="ascii").splitlines()
    times = [int(value) for value in lines[0].split()[1:9]]
    runnable = next((int(line.split()[1]) for line in lines if line.startswith("procs_running")), 0)
    steal = times[_STEAL] if len(times) > _STEAL else 0
    return _Reading(time.monotonic(), steal, sum(times), runnable, _cpu_seconds(pid))


def _cpu_seconds(pid: int | None) -> float:
    if pid is None:
        return 0.0
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return float(sum(used.user + used.system for used in times))
