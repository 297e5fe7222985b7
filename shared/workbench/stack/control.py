"""Controls one supervisord, over its Unix socket while it answers, and by signals when it does not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from supervisor.states import RUNNING_STATES, ProcessStates
from supervisor.xmlrpc import Faults, SupervisorTransport

from servekit.loopback import direct
from workbench.processes import is_alive
from workbench.stack import inspection
from workbench.stack.config import render
from workbench.stack.spec import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.stack.spec import Process, Stack

__all__ = ["ProcessState", "add", "ask", "halt", "is_current", "launch", "remove", "send", "start", "stop"]

_ANSWERS_WITHIN_S = 30.0
_STARTS_WITHIN_S = 15.0
_GRACE_S = 5.0
_KILLED_WITHIN_S = 5.0
_POLL_S = 0.1
# A socket's path fits in 108 bytes on Linux, 104 on macOS; supervisord first binds it with its pid appended.
_SOCKET_BYTES = 90
_PASSING = {ProcessStates.EXITED, ProcessStates.STOPPING}  # the first is started again within a second


@dataclass(frozen=True)
class ProcessState:
    """The state of a process, as supervisord knows it.

    Args:
        name: as in the stack.
        pid: None when it does not run.
        status: supervisord's word in lower case: running, starting, backoff, fatal, exited, stopped …
        uptime_s: seconds since its start; 0 when it does not run.
        problem: why it could not be started, where supervisord knows.
    """

    name: str
    pid: int | None
    status: str
    uptime_s: int
    problem: str


def start(stack: Stack) -> None:
    """Writes the configuration and starts supervisord, which starts all processes.

    Raises:
        StackError: supervisord does not start; the text has its output.
    """
    stack.log_dir.mkdir(parents=True, exist_ok=True)
    stack.daemon_log.unlink(missing_ok=True)
    stack.config_file.write_text(render(stack, _new_socket(stack)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", os.path.relpath(stack.config_file)],
        env={**direct(os.environ), inspection.MARKER: str(stack.home)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
    )  # fmt: skip
    if done.returncode:
        raise StackError(f"supervisord: exit status {done.returncode}: {done.stdout.strip()}")
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while not stack.pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    ask(stack)


def is_current(stack: Stack) -> bool:
    """Whether the supervisord that runs was started with this very configuration."""
    try:
        written = stack.config_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return written == render(stack, _socket(stack))


def ask(stack: Stack) -> dict[str, ProcessState]:
    """The state of every process, by name.

    Raises:
        StackError: supervisord does not answer.
    """
    return {answer["name"]: _state(answer) for answer in _call(stack, "getAllProcessInfo")}


def halt(stack: Stack, process: Process) -> None:
    """Stops one process, even one that ends and is started again and again; it stays stopped until `launch`.

    Raises:
        StackError: supervisord does not answer, or refuses, or cannot stop it.
    """
    timeout_s = process.stop_wait_s + _KILLED_WITHIN_S
    deadline = time.monotonic() + timeout_s
    while (state := _call(stack, "getProcessInfo", process.name)["state"]) in {*RUNNING_STATES, *_PASSING}:
        if time.monotonic() > deadline:
            raise StackError(f"{process.name}: not stopped within {timeout_s:g} s; `make down-{stack.level}` cleans up")
        if state in _PASSING:
            time.sleep(_POLL_S)
        else:
            _call(stack, "stopProcess", process.name, timeout_s=timeout_s, accepts=Faults.NOT_RUNNING)


def launch(stack: Stack, process: Process) -> None:
    """Starts one process that `halt` stopped; returns before it is ready.

    Raises:
        StackError: supervisord does not answer, or refuses.
    """
    _call(stack, "startProcess", process.name, False)


def add(stack: Stack, processes: Iterable[Process]) -> None:
    """Writes the configuration of a stack that runs, and starts processes that are new in it; they are not ready yet.

    Raises:
        StackError: supervisord does not answer, or refuses.
    """
    _reread(stack)
    for process in processes:
        _call(stack, "addProcessGroup", process.name)


def remove(stack: Stack, processes: Iterable[Process]) -> None:
    """Stops processes that are no part of a stack any more, the last first, and forgets them.

    Raises:
        StackError: supervisord does not answer, or refuses.
    """
    known = ask(stack)
    for process in reversed([each for each in processes if each.name in known]):
        halt(stack, process)
        _call(stack, "removeProcessGroup", process.name)
    _reread(stack)


def _reread(stack: Stack) -> None:
    stack.config_file.write_text(render(stack, _socket(stack)), encoding="utf-8")
    _call(stack, "reloadConfig")


def send(stack: Stack, process: Process, signal_name: str) -> None:
    """Sends a signal, e.g. ``USR1``, to one process that runs.

    Raises:
        StackError: supervisord does not answer, or the process does not run.
    """
    _call(stack, "signalProcess", process.name, signal_name)


def stop(stack: Stack) -> bool:
    """Stops all processes of the stack and removes its pid file and socket; returns whether any ran.

    While supervisord lives it stops the processes in order, the last first, each with SIGTERM, after its `stop_wait_s`
    with SIGKILL. What is left without a supervisord gets the same, parents before their children.

    Raises:
        StackError: a process survived SIGKILL.
    """
    running = bool(inspection.members(stack.home))
    if running:
        with suppress(StackError):
            _call(stack, "shutdown")
        _terminate(stack)
    _remove_socket(stack)
    stack.pid_file.unlink(missing_ok=True)
    return running


def _terminate(stack: Stack) -> None:
    waits = [process.stop_wait_s for process in stack.processes]
    of_one, of_all = _GRACE_S + max(waits, default=0), _GRACE_S + sum(waits)
    due: dict[int, float] = {}  # when the next step is to be taken
    killed: set[int] = set()
    while found := inspection.members(stack.home):
        now, pids = time.monotonic(), {process.pid for process in found}
        for process in found:
            with suppress(psutil.NoSuchProcess):
                if process.pid not in due:
                    if process.ppid() not in pids:
                        due[process.pid] = now + (of_all if inspection.is_supervisord(process) else of_one)
                        process.terminate()
                elif now >= due[process.pid]:
                    _kill(process, again=process.pid in killed)
                    killed.add(process.pid)
                    due[process.pid] = now + _KILLED_WITHIN_S
        _wake(stack)
        # looking at every process of the machine takes its time: not while the same ones are still there
        until = min((due[pid] for pid in pids if pid in due), default=now)
        while all(map(is_alive, found)) and time.monotonic() < until:
            _wake(stack)


def _kill(process: psutil.Process, *, again: bool) -> None:
    if again:
        raise StackError(f"{inspection.describe(process)}: survived SIGKILL; look at it by hand")
    process.kill()


def _wake(stack: Stack) -> None:
    """Any call wakes supervisord, which else looks for ended children once a second."""
    begun = time.monotonic()
    with suppress(StackError):
        _call(stack, "getState", timeout_s=_POLL_S)
    time.sleep(max(0.0, begun + _POLL_S - time.monotonic()))


def _state(answer: dict[str, Any]) -> ProcessState:
    alive = bool(answer["pid"])
    return ProcessState(
        name=answer["name"],
        pid=answer["pid"] or None,
        status="running" if answer["state"] == ProcessStates.STARTING and alive else answer["statename"].lower(),
        uptime_s=answer["now"] - answer["start"] if alive else 0,
        problem=answer["spawnerr"],
    )


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket, with a timeout."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _call(
    stack: Stack, method: str, *arguments: object, timeout_s: float | None = None, accepts: int | None = None
) -> Any:
    path = str(_socket(stack))
    transport = SupervisorTransport(None, None, f"unix://{path}")
    transport._get_connection = lambda: _UnixConnection(path, timeout_s or _ANSWERS_WITHIN_S)  # noqa: SLF001 - the transport has no timeout
    try:
        return getattr(xmlrpc.client.ServerProxy("http://localhost", transport).supervisor, method)(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == accepts:
            return None
        raise StackError(f"supervisord {method}: {fault.faultString}; see {stack.daemon_log}") from None
    except (OSError, HTTPException, xmlrpc.client.Error) as error:
        raise StackError(
            f"supervisord of {stack.title}: does not answer ({error}); `make down-{stack.level}` cleans up"
        ) from None
    finally:
        transport.close()


def _link(stack: Stack) -> Path:
    return stack.home / "supervisord.sock"


def _socket(stack: Stack) -> Path:
    return _link(stack).readlink() if _link(stack).is_symlink() else _link(stack)


def _new_socket(stack: Stack) -> Path:
    """The socket's path: in the run folder, or behind a link from there where that path is too long for a socket."""
    _remove_socket(stack)
    if _fits(_link(stack)):
        return _link(stack)
    _link(stack).symlink_to(Path(tempfile.mkdtemp(prefix="servekit-"), "supervisord.sock"))
    if _fits(_socket(stack)):
        return _socket(stack)
    _remove_socket(stack)
    raise StackError(f"folder {tempfile.gettempdir()}: too long a path for a socket; set TMPDIR to a short one")


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _SOCKET_BYTES


def _remove_socket(stack: Stack) -> None:
    if _link(stack).is_symlink():
        shutil.rmtree(_socket(stack).parent, ignore_errors=True)
    _link(stack).unlink(missing_ok=True)
