"""`up` and `down`, from any state of a stack."""

from __future__ import annotations

import fcntl
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.stack import control, inspection, logs
from workbench.stack.guard import check_open
from workbench.stack.progress import ProgressDisplay
from workbench.stack.spec import StackError
from workbench.stack.started import forget, write_started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from workbench.stack.spec import Process, Stack

__all__ = ["down", "hand_over", "up"]

_LAST_LINES = 20
_POLL_S = 0.05
_ENDED = {"backoff", "exited", "fatal", "unknown"}
_LOST = {"fatal", "unknown"}  # nobody starts it again


class _NotReadyError(StackError):
    """A process will not get ready."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def up(stack: Stack, console: Console) -> None:
    """Starts the stack, or repairs what is broken of it, and returns when every process is ready.

    A failed `up` prints the last lines of the failing process and leaves nothing running.

    Raises:
        StackError: a port is taken, the pid file is stale, a process ends or is not ready in time; the stack would be
            open to everybody, and nobody has said that it may be.
    """
    check_open(stack)
    with _lock(stack, console):
        if inspection.supervisord(stack) and not control.is_current(stack):
            console.print(f"{stack.title}: its configuration changed, stopping it first")
            control.stop(stack)
        if inspection.supervisord(stack):
            _repair(stack, console)
        else:
            _start(stack, console)
        write_started(stack)


def down(stack: Stack, console: Console) -> None:
    """Stops all processes of the stack, whatever state it is in; prints nothing when there are none.

    Raises:
        StackError: a process survived SIGKILL.
    """
    if not stack.home.exists() and not inspection.members(stack.home):
        return
    with _lock(stack, console):
        begun = time.monotonic()
        forget(stack)
        if control.stop(stack):
            console.print(f"{stack.title}: stopped in {time.monotonic() - begun:.1f} s")


def hand_over(old: Stack, new: Stack, switch: Callable[[], None], console: Console) -> None:
    """Has a stack that runs become another one without a pause: what is new starts first, what is gone stops last.

    Args:
        old: as it runs.
        new: as it is to run; processes of the same name are the same ones.
        switch: moves the traffic, once the new processes are ready; it returns when nobody asks the old ones any more.
        console: shows how the new processes get ready.

    Raises:
        StackError: `old` is not what runs, or a new process is not ready in time. Then, and if `switch` raises, `old`
            goes on as it was.
    """
    kept = {process.name for process in old.processes} & {process.name for process in new.processes}
    added, gone = ([each for each in stack.processes if each.name not in kept] for stack in (new, old))
    both = replace(new, processes=_merged(old.processes, added, gone))
    with _lock(old, console):
        if not control.is_current(old):
            raise StackError(f"{old.title}: its configuration changed: `make up-{old.level}` starts it anew")
        inspection.check_ports(new, added)
        since = logs.size(old.daemon_log)
        begun = {process.name: logs.size(old.log_file(process.name)) for process in added}
        try:
            control.add(both, added)
            _await(both, added, console, since)
            switch()
        except BaseException as error:
            if isinstance(error, _NotReadyError):
                _print_last_lines(old, error.name, begun[error.name], console)
            with suppress(StackError):
                control.remove(old, added)
            raise
        try:
            control.remove(new, gone)
        except KeyboardInterrupt:  # stopped half-way, it would be neither of the two
            control.remove(new, gone)
            raise
        finally:
            write_started(new)


def _merged(processes: Sequence[Process], added: list[Process], gone: list[Process]) -> list[Process]:
    """All of them; who is new stands before whom it replaces, and so before those that call both."""
    first = processes.index(gone[0]) if gone else len(processes)
    return [*processes[:first], *added, *processes[first:]]


def _start(stack: Stack, console: Console) -> None:
    if left := inspection.members(stack.home):
        names = ", ".join(map(inspection.describe, left))
        raise StackError(f"{stack.title}: left over from an earlier run: {names}; `make down-{stack.level}` stops them")
    inspection.check_ports(stack, list(stack.processes))
    console.print(f"{stack.title}: starting {_names(stack.processes)}")
    with _all_or_nothing(stack, console):
        control.start(stack)  # which begins the daemon's log anew
        _await(stack, list(stack.processes), console, since=0)


def _repair(stack: Stack, console: Console) -> None:
    states = control.ask(stack)
    broken = [p for p in stack.processes if states[p.name].pid is None or p.ready.missing()]
    if not broken:
        console.print(f"{stack.title}: up already, {_names(stack.processes)} ready; nothing to do")
        return
    console.print(f"{stack.title}: up, but not ready: starting {_names(broken)} anew")
    with _all_or_nothing(stack, console):
        for process in broken:
            control.halt(stack, process)
        inspection.check_ports(stack, broken)
        since = logs.size(stack.daemon_log)  # from here on, an end is one of the new processes
        for process in broken:
            control.launch(stack, process)
        _await(stack, broken, console, since)


@contextmanager
def _all_or_nothing(stack: Stack, console: Console) -> Iterator[None]:
    begun = {process.name: logs.size(stack.log_file(process.name)) for process in stack.processes}
    try:
        yield
    except BaseException as error:
        if isinstance(error, _NotReadyError):
            _print_last_lines(stack, error.name, begun[error.name], console)
        control.stop(stack)
        forget(stack)
        raise


def _print_last_lines(stack: Stack, name: str, since: int, console: Console) -> None:
    lines = logs.tail(stack.log_file(name), _LAST_LINES, since=since)
    console.print(f"{name} printed:" if lines else f"{name} printed nothing")
    for line in lines:
        console.print(f"  {line}", markup=False)


def _await(stack: Stack, processes: list[Process], console: Console, since: int) -> None:
    """Returns when they are ready; `since` is where in the daemon's log their start begins."""
    deadline = time.monotonic() + stack.ready_timeout_s
    pending = {process.name: process for process in processes}
    with ProgressDisplay(console, list(pending)) as progress:
        try:
            while pending:
                states = control.ask(stack)
                for process in list(pending.values()):
                    _check_alive(stack, process, states[process.name], since)
                    if _is_ready(process, progress, stack.ready_timeout_s if time.monotonic() > deadline else None):
                        del pending[process.name]
                time.sleep(_POLL_S)
            states = control.ask(stack)
            for process in stack.processes:
                _check_alive(stack, process, states[process.name], since)
        except _NotReadyError as error:
            progress.failed(error.name, error.reason)
            raise


def _is_ready(process: Process, progress: ProgressDisplay, waited_s: float | None) -> bool:
    reason = process.ready.missing()
    if reason is None:
        progress.ready(process.name)
        return True
    if waited_s is not None:
        raise _NotReadyError(process.name, f"not ready after {waited_s:g} s: {reason}")
    progress.waiting(process.name, reason)
    return False


def _check_alive(stack: Stack, process: Process, state: control.ProcessState, since: int) -> None:
    """Raises when it has ended more often than it may: each end is in the daemon's log, however short its life was."""
    log = stack.daemon_log.read_bytes()[since:].decode()
    exits = re.findall(rf"exited: {state.name} \((.*?);", log)
    ended = max(len(exits), state.status in _ENDED)
    if ended > process.retries or state.status in _LOST:
        how = exits[-1] if exits else state.problem or state.status
        raise _NotReadyError(state.name, f"ended before it was ready ({how})")


def _names(processes: Sequence[Process]) -> str:
    return ", ".join(process.name for process in processes)


@contextmanager
def _lock(stack: Stack, console: Console) -> Iterator[None]:
    stack.home.mkdir(parents=True, exist_ok=True)
    with (stack.home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print(f"{stack.title}: waiting for another `up` or `down` to finish")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
