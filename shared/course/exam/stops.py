"""The parts of an exam that stop processes under load: one that is killed comes back, one that is told loses none."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import psutil

from course.exam.examined import PATIENCE_S, ShortfallError, demand
from workbench.load import Engine, Phase, Send, arrivals, describe_outcome, encode, open_loop
from workbench.stack import StackError, control, up
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from course.exam.examined import Examined
    from workbench.load import Answer, Request
    from workbench.stack import Process

__all__ = ["CallLog", "calling", "judge_drain", "kill", "mended", "process_of"]

_OK: Final = 200
_CONNECTIONS: Final = 8
_BEFORE: Final = 20
_CALL_S: Final = 10.0
_QUIET_S: Final = 1.5


def process_of(examined: Examined, name: str) -> Process:
    """The process of that name in the level's stack.

    Raises:
        ShortfallError: the level has none.
    """
    found = next((each for each in examined.processes.processes if each.name == name), None)
    if found is None:
        raise ShortfallError(f"the level has no process {name}")
    return found


@contextmanager
def mended(examined: Examined) -> Iterator[None]:
    """After the block the level is ready again, whatever was done to it."""
    try:
        yield
    finally:
        with suppress(StackError):
            up(examined.processes, make_console(quiet=True))


class CallLog:
    """Counts what callers got since a moment, and when it was last not well."""

    def __init__(self, quiet_s: float = _QUIET_S, patience_s: float = PATIENCE_S) -> None:
        self.outcomes: Counter[str] = Counter()
        self.bodies: list[bytes] = []
        self.slowest_s = 0.0
        self._quiet_s, self._patience_s = quiet_s, patience_s
        self._since = self._last_bad = float("inf")

    def begin(self) -> None:
        """Counts from now on."""
        self._since = self._last_bad = time.monotonic()

    def begin_if_not(self) -> None:
        """Counts from now on, unless it does already; else nothing would end the calls of a block that failed."""
        if self._since == float("inf"):
            self.begin()

    def heard(self, answer: Answer) -> None:
        """Takes an answer, or what became of a request without one."""
        if time.monotonic() < self._since:
            return
        self.outcomes[describe_outcome(answer.outcome)] += 1
        self.slowest_s = max(self.slowest_s, answer.latency_s)
        if answer.outcome:
            self._last_bad = time.monotonic()
            self.bodies.append(answer.body)

    @property
    def recovered_s(self) -> float:
        """From the beginning until the last request that failed."""
        return self._last_bad - self._since

    @property
    def bad(self) -> dict[str, int]:
        """How often each outcome but a good answer came."""
        return {name: count for name, count in self.outcomes.items() if name != "ok"}

    def over(self) -> bool:
        """Whether all has been well for a while, or has not been for too long."""
        now = time.monotonic()
        return now - self._last_bad > self._quiet_s or now - self._since > self._patience_s

    def demand_recovery(self, what: str) -> None:
        """Raises `ShortfallError` where the callers were not answered well again, and in time."""
        demand(self.outcomes["ok"], f"{what}: nobody was answered again ({self.said()})")
        late = time.monotonic() - self._since > self._patience_s and self.recovered_s > self._patience_s - self._quiet_s
        demand(not late, f"{what}: still not answering {self._patience_s:g} s later ({self.said()})")

    def said(self) -> str:
        """What callers got, in words."""
        return ", ".join(f"{count} × {name}" for name, count in self.outcomes.most_common()) or "no answers"


@contextmanager
def calling(examined: Examined, request: Request, log: CallLog, rate_rps: float = 40.0) -> Iterator[None]:
    """Sends one request again and again, in open loop, until the log says that it is over; begin it in the block."""

    def offer() -> None:
        with Engine(examined.url, connections=64, timeout_s=_CALL_S) as engine:
            sent = request._replace(headers={**request.headers, **examined.headers})
            wire, draw = encode(sent, engine.host), examined.draw("arrivals")
            sends = (Send(at_s, wire, log.heard) for at_s in arrivals([Phase(rate_rps)], draw))
            open_loop(engine, sends, stop=log.over)
            engine.drain()

    thread = Thread(target=offer, name="calls")
    thread.start()
    try:
        time.sleep(1)
        yield
    finally:
        log.begin_if_not()
        thread.join()


def kill(examined: Examined, name: str, *, inside: bool = False) -> None:
    """Kills a process of the level with SIGKILL, as the kernel does when memory runs out.

    Args:
        examined: a level of this folder.
        name: of the process.
        inside: kill what it started, and leave itself to notice.

    Raises:
        ShortfallError: it does not run.
    """
    pid = control.ask(examined.processes)[name].pid
    if pid is None:
        raise ShortfallError(f"{name} does not run")
    victims = psutil.Process(pid).children(recursive=True) if inside else []
    if not victims:
        os.kill(pid, signal.SIGKILL)
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.kill()


def judge_drain(examined: Examined, name: str, path: str, body: bytes) -> str:
    """Stops a process, as an orchestrator does, while connections ask it without a pause.

    Each connection goes on until the server says that it will close it; every request that was sent must be answered.

    Raises:
        ShortfallError: a request was lost or failed, or the process had to be killed.
    """
    process, callers = process_of(examined, name), [_Caller(examined, path, body) for _ in range(_CONNECTIONS)]
    with mended(examined):
        for each in callers:
            each.thread.start()
        until = time.monotonic() + examined.patience_s
        while min(each.answered for each in callers) < _BEFORE and time.monotonic() < until:
            time.sleep(0.01)
        began = time.monotonic()
        control.halt(examined.processes, process)
        took_s = time.monotonic() - began
        for each in callers:
            each.over = True
            each.thread.join(_CALL_S)
    lost = [each.problem for each in callers if each.problem]
    answered = sum(each.answered for each in callers)
    demand(not lost, f"{len(lost)} of {_CONNECTIONS} connections lost a request when {name} was stopped: {lost[0:1]}")
    demand(took_s < process.stop_wait_s, f"{name} had to be killed after {took_s:.0f} s")
    return f"{name} stopped in {took_s:.1f} s under load; none of {answered} requests lost"


class _Caller:
    """Asks on one connection, one request after the other, until the server closes it."""

    def __init__(self, examined: Examined, path: str, body: bytes) -> None:
        self.answered, self.problem, self.over = 0, "", False
        self._where, self._path, self._body = urlsplit(examined.url), path, body
        self._headers = {"content-type": "application/json", **examined.headers}
        self.thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        connection = HTTPConnection(self._where.hostname or "", self._where.port, timeout=_CALL_S)
        try:
            while not self._ask(connection):
                self.answered += 1
        except (OSError, HTTPException) as error:
            self.problem = f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    def _ask(self, connection: HTTPConnection) -> bool:
        """Sends one request; whether it was the last."""
        connection.request("POST", self._path, self._body, self._headers)
        answer: Any = connection.getresponse()
        answer.read()
        if answer.status != _OK:
            self.problem = f"answered {answer.status}"
        return self.over or bool(self.problem) or answer.getheader("connection") == "close"
