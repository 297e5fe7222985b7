"""The status of each process of a stack."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from workbench.processes import cpu_s, family, proportional_bytes, resident_bytes
from workbench.stack import control, inspection
from workbench.stack.spec import StackError
from workbench.terminal import make_table, printable

if TYPE_CHECKING:
    from rich.console import Console

    from workbench.stack.spec import Process, Stack

__all__ = ["starts", "status"]

_WINDOW_S = 0.3
_COLUMNS = ("process", "state", "pid", "uptime", "memory", "cpu", "restarts", "ports", "ready")


@dataclass(frozen=True)
class _Usage:
    """Resident bytes and CPU (1.0 is one core) of a process and its children."""

    rss: int = 0
    cpu: float = 0.0


def _readiness(missing: str | None) -> Text:
    return Text(printable(f"no: {missing}"), "red") if missing else Text("yes", "green")


def status(stack: Stack, console: Console) -> bool:
    """Prints a table of the stack's processes; returns whether all of them are ready.

    Memory (resident) and CPU (100 % is one core, over 0.3 s) include the processes' children. Below it stands the
    memory of all, supervisord too, where the platform says what they share.

    Raises:
        StackError: the pid file is stale, processes were left over, or supervisord does not answer.
    """
    if inspection.supervisord(stack) is None:
        if left := inspection.members(stack.home):
            raise StackError(
                f"{stack.title}: {len(left)} processes run on without supervisord; `make down-{stack.level}` stops them"
            )
        console.print(f"{stack.title}: down; `make up-{stack.level}` starts it")
        return False
    states = control.ask(stack)
    usage = _measure({name: state.pid for name, state in states.items() if state.pid})
    table = make_table(console, *_COLUMNS)
    missing = {process.name: process.ready.missing() for process in stack.processes}
    started = starts(stack)
    for process in stack.processes:
        row = _row(process, states[process.name], usage.get(process.name, _Usage()), started.get(process.name, 1))
        table.add_row(*row, _readiness(missing[process.name]))
    console.print(table)
    if together := proportional_bytes(inspection.members(stack.home)):
        console.print(f"memory of all: {together / 1e6:,.0f} MB, what they share counted once")
    return not any(missing.values())


def _row(process: Process, state: control.ProcessState, usage: _Usage, starts: int) -> tuple[str, ...]:
    ports = ", ".join(f"{port} {use}" for use, port in process.ports.items())
    if state.pid is None:
        return process.name, state.status, "", "", "", "", str(starts - 1), ports
    resident, cpu = f"{usage.rss / 1e6:.0f} MB", f"{usage.cpu:.0%}"
    return process.name, state.status, str(state.pid), _age(state.uptime_s), resident, cpu, str(starts - 1), ports


def _age(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def starts(stack: Stack) -> dict[str, int]:
    """The number of starts of each process since supervisord's own, by its log."""
    counts: dict[str, int] = {}
    with suppress(FileNotFoundError):
        for line in stack.daemon_log.read_text(encoding="utf-8").splitlines():
            if " spawned: '" in line:
                name = line.split("'")[1]
                counts[name] = counts.get(name, 0) + 1
    return counts


def _measure(pids: dict[str, int]) -> dict[str, _Usage]:
    families = {name: family(pid) for name, pid in pids.items()}
    before = {name: cpu_s(processes) for name, processes in families.items()}
    begun = time.monotonic()
    time.sleep(_WINDOW_S)
    elapsed_s = time.monotonic() - begun
    return {
        name: _Usage(resident_bytes(processes), max(0.0, cpu_s(processes) - before[name]) / elapsed_s)
        for name, processes in families.items()
    }
