"""What processes of this machine use, with all that they started; how to start, pin and stop them for a measurement."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = [
    "STAT", "MachineTime", "cpu_s", "family", "is_alive", "machine_time", "on_core", "pin", "pin_threads",
    "proportional_bytes", "resident_bytes", "running",
]  # fmt: skip

STAT: Final = Path("/proc/stat")
_STEAL: Final = 7
_STOP_S: Final = 20


class MachineTime(NamedTuple):
    """Ticks that the hypervisor took, ticks of all kinds, and how many processes want to run at this moment."""

    steal: int
    total: int
    runnable: int


def machine_time(stat: Path = STAT) -> MachineTime:
    """The machine's counters since it was started; a share of time is a difference of two.

    Raises:
        OSError: the platform has no ``/proc/stat``.
    """
    lines = stat.read_text(encoding="ascii").splitlines()
    ticks = [int(value) for value in lines[0].split()[1:9]]  # what follows is part of the first two
    runnable = next((int(line.split()[1]) for line in lines if line.startswith("procs_running")), 0)
    return MachineTime(ticks[_STEAL] if len(ticks) > _STEAL else 0, sum(ticks), runnable)


def is_alive(process: psutil.Process) -> bool:
    """Whether a process has not ended; a zombie has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started; empty when it is gone."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def cpu_s(processes: Iterable[psutil.Process]) -> float:
    """Seconds of CPU that processes have used so far, together; one that is gone counts nothing.

    Linux keeps nanoseconds of each living thread, and hundredths of a second of a process, which include threads that
    have ended: the larger of the two is the better figure.
    """
    return sum(max(_threads_s(process.pid), _process_s(process)) for process in processes)


def resident_bytes(processes: Iterable[psutil.Process]) -> int:
    """Resident memory of processes, together; one that is gone has none."""
    return sum(map(_resident, processes))


def proportional_bytes(processes: Iterable[psutil.Process]) -> int | None:
    """Memory of processes, together, with pages that several share counted once in all (Linux's PSS).

    None where the platform does not count it; one that is gone has none.
    """
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            try:
                total += int(process.memory_full_info().pss)
            except (AttributeError, psutil.AccessDenied):
                return None
    return total


@contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str],
    stderr: int | None = None,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
) -> Iterator[psutil.Popen]:
    """Runs a process, and stops it at the end: asked first, killed after 20 s, and so is what it started and left.

    Args:
        command: what to run.
        environment: added to this process's.
        stderr: as for `subprocess.Popen`.
        stdout: likewise; dropped unless given.
    """
    process = psutil.Popen(command, env={**os.environ, **environment}, stdout=stdout, stderr=stderr)
    try:
        yield process
    finally:
        _stop(process, family(process.pid)[1:])


def _stop(process: psutil.Popen, started: Sequence[psutil.Process]) -> None:
    with suppress(psutil.NoSuchProcess):
        process.terminate()
    try:
        process.wait(_STOP_S)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait()
    for each in started:
        with suppress(psutil.NoSuchProcess):
            each.kill()


def pin(core: int, *processes: psutil.Process) -> None:
    """Keeps processes, with all that they started, on one core."""
    for process in processes:
        for each in (process, *process.children(recursive=True)):
            pin_threads(core, *(thread.id for thread in each.threads()))


def pin_threads(core: int, *threads: int) -> None:
    """Keeps threads (0: the calling one) on one core, where the platform can and there are two to tell apart.

    Threads that they start later inherit the core.
    """
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        for thread in threads:
            os.sched_setaffinity(thread, {core})


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keeps the calling thread on one core meanwhile, and all that it starts for ever, as `pin_threads` does."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    pin_threads(core, 0)
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)


def _threads_s(pid: int) -> float:
    total = 0
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                total += int((task / "schedstat").read_bytes().split()[0])
    return total * 1e-9


def _process_s(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
