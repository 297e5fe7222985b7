"""The hardware stamp of every measurement: a figure means nothing without the machine it was taken on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import psutil

__all__ = ["HardwareStamp", "describe", "hardware_stamp"]

_GIB = 1024**3


class HardwareStamp(TypedDict):
    """What a measurement was taken on, ready for JSON."""

    cpu: str
    cores: int
    ram_gib: float
    kernel: str
    system: str
    python: str
    date: str


def hardware_stamp() -> HardwareStamp:
    """The machine as this process sees it, now.

    ``cores`` are those this process may run on (its affinity), not those of the host; ``ram_gib`` is the
    smaller of the machine's memory and the control group's limit; ``date`` is UTC, ISO 8601, to the second.
    """
    return HardwareStamp(
        cpu=_cpu_model(),
        cores=_usable_cores(),
        ram_gib=round(_ram_bytes() / _GIB, 1),
        kernel=platform.release(),
        system=platform.system(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def describe(stamp: HardwareStamp) -> str:
    """The stamp as one line for tables and captions."""
    return (
        f"{stamp['cpu']}, {stamp['cores']} cores, {stamp['ram_gib']:g} GiB, "
        f"{stamp['system']} {stamp['kernel']}, {stamp['python']}, {stamp['date'][:10]}"
    )


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("model name")]
    return named[0] if named and named[0] else platform.processor() or platform.machine()


def _usable_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _ram_bytes(limit: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    total: int = psutil.virtual_memory().total
    try:
        return min(total, int(limit.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no control group, or "max"
        return total
