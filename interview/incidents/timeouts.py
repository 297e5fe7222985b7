"""The fault of ``timeouts``."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psutil

from course.incidents import Caller, Fault
from interview.incidents.background import Background
from interview.incidents.level_1 import Level1
from workbench.stack import logs

__all__ = ["fault"]

_LIMITER = Path(__file__).with_name("cpu_limiter.py")
_STOPPED_S, _RUNNING_S = "3", "1.5"


class _Timeouts:
    def __init__(self) -> None:
        self._level = Level1()
        pid_file = self._level.stack.home / "cpu_limiter.pid"
        self._limiter = Background(_LIMITER, pid_file, "1", "iris-api", _STOPPED_S, _RUNNING_S)
        self._planted = False
        self.caller = Caller(lambda: self._level.ask().status_code)

    def obstacle(self) -> str | None:
        return self._level.obstacle()

    def plant(self) -> None:
        self._planted = True
        self._limiter.start()

    def symptoms(self) -> list[str]:
        return [
            f"the callers of the last 10 s say: {self.caller.summary()}",
            f"the server's own log says: {self._logged()}",
        ]

    def evidence(self) -> list[str]:
        state = self._level.state()
        process = psutil.Process(state.pid)
        words = "stopped (T)" if process.status() == psutil.STATUS_STOPPED else f"{process.status()}, between two stops"
        limiter = "cpu_limiter.py runs" if self._limiter.runs else "cpu_limiter.py has ended"
        return [f"process {state.pid} is {words}; supervisord calls it {state.status}", limiter]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        self._limiter.kill()

    def restore(self) -> None:
        if not self._planted:
            return
        self._limiter.stop()
        self._level.send(signal.SIGCONT)  # a limiter that was killed hard could not do it
        self._level.heal()

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
