"""The health of a level after a run: no process restarted, no descriptors left open, no memory kept."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil

from servekit.http_ask import ask
from workbench.processes import resident_bytes
from workbench.stack.inspection import members

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.fuzz.surface import Surface

__all__ = ["Usage", "ailments", "usage"]

_MIB: Final = 1024**2
_DESCRIPTORS: Final = 32
_MEMORY: Final = 1.5
_MEMORY_MIB: Final = 96
_SETTLES_WITHIN_S: Final = 20.0
_OK: Final = 200


class Usage(NamedTuple):
    """The resources that a process uses."""

    name: str
    descriptors: int
    memory_mib: int


def usage(home: Path | None) -> dict[int, Usage]:
    """The usage of every process of a run folder, by pid."""
    found = {}
    for process in members(home.resolve()) if home else []:
        with suppress(psutil.Error), process.oneshot():
            memory = resident_bytes([process]) // _MIB
            found[process.pid] = Usage(" ".join(process.cmdline()[-2:])[-60:], process.num_fds(), memory)
    return found


def ailments(surface: Surface, before: dict[int, Usage]) -> tuple[list[str], dict[int, Usage]]:
    """The problems of the level once it has settled, in sentences, and its usage."""
    deadline = time.monotonic() + _SETTLES_WITHIN_S
    while True:
        after = usage(surface.home)
        found = [*_not_ready(surface), *_compared(before, after)]
        if not found or time.monotonic() > deadline:
            return found, after
        time.sleep(1)


def _not_ready(surface: Surface) -> list[str]:
    url = surface.urls[0] + surface.ready
    try:
        status = ask(url, 5).status
    except OSError as error:
        return [f"{url}: {error}"]
    return [] if status == _OK else [f"{url}: status {status}, expected 200"]


def _compared(before: dict[int, Usage], after: dict[int, Usage]) -> list[str]:
    found = []
    for pid, was in before.items():
        now = after.get(pid)
        if now is None:
            found.append(f"process {pid} ({was.name}) is gone")
        elif now.descriptors > was.descriptors + _DESCRIPTORS:
            found.append(f"process {pid} ({was.name}): {now.descriptors} descriptors, {was.descriptors} before")
        elif now.memory_mib > was.memory_mib * _MEMORY + _MEMORY_MIB:
            found.append(f"process {pid} ({was.name}): {now.memory_mib} MiB, {was.memory_mib} before")
    return found
