"""The fault of ``timeouts``."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from threading import Event, Thread

import psutil

from course.incidents import Caller, Fault
from interview.incidents.level_1 import Level1
from workbench.stack import StackError, logs

__all__ = ["fault"]

_STOPPED_S, _RUNNING_S = 3.0, 1.5


class _Timeouts:
    def __init__(self) -> None:
        self._level = Level1()
        self._caller = Caller(lambda: self._level.ask().status_code)
        self._over = Event()
        self._thread = Thread(target=self._freeze, name="freezer")

    def obstacle(self) -> str | None:
        return self._level.obstacle()

    def plant(self) -> None:
        self._caller.start()
        self._thread.start()

    def symptoms(self) -> list[str]:
        calls = self._caller.summary()
        if not calls.slow:
            return []
        return [f"the callers of the last 10 s say: {calls}", f"the server's own log says: {self._logged()}"]

    def evidence(self) -> list[str]:
        self._over.wait(0.2)
        state = self._level.state()
        process = psutil.Process(state.pid)
        words = "stopped (T)" if process.status() == psutil.STATUS_STOPPED else f"{process.status()}, between two stops"
        return [f"process {state.pid} is {words}; supervisord calls it {state.status}"]

    def restore(self) -> None:
        self._over.set()
        if not self._thread.is_alive():
            return
        self._thread.join()  # it lets the process go on before it ends
        self._caller.stop()
        self._level.heal()

    def _freeze(self) -> None:
        while not self._over.wait(_RUNNING_S):
            with suppress(StackError, ProcessLookupError):  # the learner restarts it: the next round finds the new one
                self._level.send(signal.SIGSTOP)
                try:
                    self._over.wait(_STOPPED_S)
                finally:
                    self._level.send(signal.SIGCONT)

    def _logged(self) -> str:
        lines = map(json.loads, logs.tail(self._level.stack.log_file("iris-api"), 100))
        durations = sorted(line["event.duration"] / 1e6 for line in lines if "event.duration" in line)
        if not durations:
            return "nothing"
        middle, longest = durations[len(durations) // 2], durations[-1]
        return f"median {middle:.1f} ms, longest {longest:.1f} ms, over the last {len(durations)} requests"


def fault() -> Fault:
    """The fault, not planted yet."""
    return _Timeouts()
