"""Finds the processes of this machine that belong to a stack, and the holder of a port.

Every process of a stack inherits an environment variable with the stack's folder. It finds them again when supervisord
was killed, when the pid file is gone, and tells the stacks of two checkouts apart. Some servers write their title over
their environment (Redis, Valkey, nginx): those are known as the pids that supervisord's log names, of its session.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from workbench.environment import MARKER
from workbench.processes import is_alive
from workbench.stack.spec import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.stack.spec import Process, Stack

__all__ = [
    "MARKER", "check_ports", "describe", "home_of", "is_supervisord", "is_taken", "members", "port_holder",
    "supervisord",
]  # fmt: skip

_PROC = Path("/proc")
_SHOWN = 160


def members(home: Path) -> list[psutil.Process]:
    """The living processes of the stack in `home`, supervisord included; the caller and its ancestors are left out."""
    own = {os.getpid(), *(ancestor.pid for ancestor in psutil.Process().parents())}
    spawned = _spawned(home)
    found = (pid for pid in psutil.pids() if pid not in own and (pid in spawned or _is_marked(pid, home)))
    return [process for pid in found if (process := _living(pid))]


def supervisord(stack: Stack) -> psutil.Process | None:
    """The stack's living supervisord, by its pid file; None when there is no pid file.

    Raises:
        StackError: the pid file is stale: its process is gone, or the number belongs to another program by now.
    """
    try:
        text = stack.pid_file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    process = _living(text)
    if process and home_of(process) == str(stack.home) and is_supervisord(process):
        return process
    why = f"pid {text} is another program, {describe(process)}" if process else f"its process {text} is gone"
    raise StackError(f"pid file {stack.pid_file}: stale, {why}; `make down-{stack.level}` cleans up")


def is_supervisord(process: psutil.Process) -> bool:
    """Whether a process runs supervisord, whoever's."""
    try:
        return "supervisor.supervisord" in process.cmdline()
    except psutil.Error:
        return False


def describe(process: psutil.Process) -> str:
    """A process for a message: its name, pid and command line, as far as they are visible."""
    try:
        name, command = process.name(), shlex.join(process.cmdline())
    except psutil.Error:
        return f"pid {process.pid}"
    return f"{name} (pid {process.pid}: {command[:_SHOWN]})" if command else f"{name} (pid {process.pid})"


def is_taken(port: int) -> bool:
    """Whether something on this machine listens on a TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        # as servers do: connections that are merely winding down do not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise StackError(f"port {port}: {os.strerror(error.errno or 0).lower()}; choose another one") from None
    return False


def port_holder(port: int) -> psutil.Process | None:
    """The process that listens on a TCP port; None when there is none, or when this user may not see it."""
    for pid, listened in _listeners():
        if pid and listened == port:
            return _living(pid)
    return None


def check_ports(stack: Stack, processes: list[Process]) -> None:
    """Checks that every declared port of `processes` is free.

    Raises:
        StackError: a port is taken; the text names the process that holds it and the remedy.
    """
    for process in processes:
        for use, port in process.ports.items():
            if is_taken(port):
                raise StackError(f"port {port} ({use} of {process.name}): {_taken_by(stack, port)}")


def _spawned(home: Path) -> set[int]:
    """The pids in supervisord's log that are still of its session: no number is reused while it names a session."""
    with suppress(FileNotFoundError, ValueError):
        session = int((home / "supervisord.pid").read_text(encoding="utf-8"))
        log = (home / "supervisord.log").read_text(encoding="utf-8")
        return {pid for pid in map(int, re.findall(r"with pid (\d+)$", log, re.MULTILINE)) if _is_of(session, pid)}
    return set()


def _is_of(session: int, pid: int) -> bool:
    try:
        return os.getsid(pid) == session and is_alive(psutil.Process(pid))
    except (OSError, psutil.NoSuchProcess):
        return False


def _living(pid: int | str) -> psutil.Process | None:
    try:
        process = psutil.Process(int(pid))
        return process if is_alive(process) else None
    except (ValueError, psutil.NoSuchProcess):
        return None


def _taken_by(stack: Stack, port: int) -> str:
    again = f"then `make up-{stack.level}` again"
    holder = port_holder(port)
    if holder is None:
        return f"taken by a process that this user cannot see; `sudo lsof -i :{port}` names it; stop it, {again}"
    home = home_of(holder)
    if home is None or home == str(stack.home):
        return f"taken by {describe(holder)}; stop it, {again}"
    return f"taken by {describe(holder)} of the stack in {home}; `make down-{stack.level}` there stops it, {again}"


def _listeners() -> Iterator[tuple[int | None, int]]:
    """Who listens, and on which port."""
    sockets: list[tuple[int | None, Any]] = []
    try:
        sockets += [(each.pid, each) for each in psutil.net_connections(kind="tcp")]
    except psutil.AccessDenied:  # macOS tells everything to root alone, but of a user's own processes to each user
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                sockets += [(process.pid, each) for each in process.net_connections(kind="tcp")]
    for pid, each in sockets:
        if each.status == psutil.CONN_LISTEN and each.laddr:
            yield pid, each.laddr.port


def _is_marked(pid: int, home: Path) -> bool:
    """Whether a process has inherited the stack's variable: asked of every process there is, so read in one piece."""
    if not _PROC.exists():
        process = _living(pid)
        return process is not None and home_of(process) == str(home)
    try:
        with (_PROC / str(pid) / "environ").open("rb") as file:
            return b"\0" + os.fsencode(f"{MARKER}={home}") + b"\0" in b"\0" + file.read()
    except OSError:
        return False


def home_of(process: psutil.Process) -> str | None:
    """The run folder of the stack that a process belongs to; None when it belongs to none, or may not be asked."""
    home = _marked_home(process)
    if home is None:  # its title may have been written over its environment; its session is supervisord's
        with suppress(OSError, psutil.Error):
            leader = psutil.Process(os.getsid(process.pid))
            home = _marked_home(leader) if is_supervisord(leader) else None
    return home


def _marked_home(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARKER)
    except psutil.Error:
        return None
