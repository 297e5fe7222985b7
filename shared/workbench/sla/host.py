"""How busy the machine is while a run goes on: a shared machine can break an SLA that the server keeps."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from workbench.hardware import hardware_stamp
from workbench.processes import STAT, MachineTime, cpu_s, family, machine_time
from workbench.sla.result import Host

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HostWatch"]

_EVERY_S: Final = 0.1
_NOISY_STEAL: Final = 0.02
_NOISY_QUEUE: Final = 1.5


class _Reading(NamedTuple):
    at: float
    machine: MachineTime
    generator_s: float


class HostWatch:
    """Samples CPU steal and the run queue from ``/proc/stat`` in a thread; reads zeros where there is none.

    A machine is called noisy when the hypervisor took 2 % of its CPU time or more, or when on average more than 1.5
    processes per core wanted to run. ``pid`` is the load generator, whose CPU use is counted with its children's.
    """

    def __init__(self, pid: int | None = None, stat: Path = STAT) -> None:
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
        with suppress(OSError):  # no /proc
            machine = machine_time(self._stat)
            used_s = cpu_s(family(self._pid)) if self._pid else 0.0
            self._readings.append(_Reading(time.monotonic(), machine, used_s))

    def host(self) -> Host:
        """What was seen so far."""
        if len(self._readings) < 2:  # noqa: PLR2004 - a rate takes two readings
            return Host(cores=self._cores)
        first, last = self._readings[0], self._readings[-1]
        queues = [reading.machine.runnable for reading in self._readings]
        total = last.machine.total - first.machine.total
        steal = (last.machine.steal - first.machine.steal) / max(total, 1)
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
