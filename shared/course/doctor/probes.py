"""The probes of this machine. Each answers within seconds and never raises."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from workbench.hardware import hardware_stamp
from workbench.stack import inspection

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Finding", "cores", "disk", "docker", "library", "memory", "ports", "program", "python"]

_GIB = 1024**3
_ANSWERS_WITHIN_S = 10.0
_SHOWN = 60


class Finding(NamedTuple):
    """The result of a probe: what was found, and whether it is enough."""

    enough: bool
    here: str


def python(least: tuple[int, int]) -> Finding:
    """The version of the Python that runs this."""
    return Finding(sys.version_info[:2] >= least, ".".join(map(str, sys.version_info[:3])))


def cores(least: int) -> Finding:
    """The CPU cores that this process may use."""
    count = hardware_stamp()["cores"]
    return Finding(count >= least, str(count))


def memory(least_gib: float) -> Finding:
    """The machine's memory, or the control group's limit if that is less, and how much of it is free now."""
    total, free = hardware_stamp()["ram_gib"], psutil.virtual_memory().available / _GIB
    return Finding(min(total, free) >= least_gib, f"{min(total, free):.1f} of {total:.1f} GiB free")


def disk(least_gib: float, folder: Path) -> Finding:
    """The free space where `folder` lies."""
    free = shutil.disk_usage(folder).free / _GIB
    return Finding(free >= least_gib, f"{free:.1f} GiB free")


def ports(numbers: Sequence[int], run_dir: Path) -> Finding:
    """Whether TCP ports of 127.0.0.1 are free, or held by the stack in `run_dir` itself."""
    own = {process.pid for process in inspection.members(run_dir.resolve())}
    taken = [port for port in numbers if inspection.is_taken(port)]
    holders = {port: inspection.port_holder(port) for port in taken}
    strangers = {port: holder for port, holder in holders.items() if holder is None or holder.pid not in own}
    if strangers:
        names = {port: inspection.describe(holder) if holder else "unknown" for port, holder in strangers.items()}
        return Finding(enough=False, here="; ".join(f"{port}: {name}" for port, name in names.items()))
    return Finding(enough=True, here="level is up" if taken else "free")


def program(names: Sequence[str], arguments: Sequence[str], version: str = r"\d+(\.\d+)+") -> Finding:
    """The first of these programs on PATH or in this environment, and the version that it prints."""
    for name in names:
        if path := shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"):
            done = _run([path, *arguments])
            found = re.search(version, done.here) if done.enough else None
            return Finding(done.enough, found[0] if found else f"{name}: {done.here}")
    return Finding(enough=False, here="not found")


def library(name: str) -> Finding:
    """A shared library of the system, by the name that programs load it by."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return Finding(enough=False, here="not found")
    return Finding(enough=True, here=name)


def docker() -> Finding:
    """The Docker engine; the client alone is not enough."""
    if not shutil.which("docker"):
        return Finding(enough=False, here="not found")
    engine = _run(["docker", "version", "--format", "{{.Server.Version}}"])
    return Finding(
        engine.enough, f"engine {engine.here}" if engine.enough else "client only: the engine does not answer"
    )


def _run(command: Sequence[str]) -> Finding:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=_ANSWERS_WITHIN_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(enough=False, here="no answer" if isinstance(error, subprocess.TimeoutExpired) else str(error))
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return Finding(done.returncode == 0, lines[0][:_SHOWN] if lines else f"exit status {done.returncode}")
