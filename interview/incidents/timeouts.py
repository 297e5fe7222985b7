"""The fault of ``timeouts``."""

from __future__ import annotations

import json

import psutil

from course.incidents import Caller, Fault
from interview.incidents.level_1 import Level1
from interview.incidents.limited_cpu import LimitedCpu
from workbench.stack import logs

__all__ = ["fault"]

_SERVER = "iris-api"
_STOPPED_S, _RUNNING_S = 3.0, 1.5


class _Timeouts(LimitedCpu):
    def __init__(self) -> None:
        self._iris = Level1()
        caller = Caller(lambda: self._iris.ask().status_code)
        super().__init__(self._iris, _SERVER, _STOPPED_S, _RUNNING_S, caller)

    def symptoms(self) -> list[str]:
        return [*super().symptoms(), f"the server's own log says: {self._logged()}"]

    def evidence(self) -> list[str]:
        state = self._iris.state()
        process = psutil.Process(state.pid)
        words = "stopped (T)" if process.status() == psutil.STATUS_STOPPED else f"{process.status()}, between two stops"
        return [f"process {state.pid} is {words}; supervisord calls it {state.status}", *super().evidence()]

    def _logged(self) -> str:
        lines = map(json.loads, logs.tail(self._iris.stack.log_file(_SERVER), 100))
        durations = sorted(line["event.duration"] / 1e6 for line in lines if "event.duration" in line)
        if not durations:
            return "nothing"
        middle, longest = durations[len(durations) // 2], durations[-1]
        return f"median {middle:.1f} ms, longest {longest:.1f} ms, over the last {len(durations)} requests"


def fault() -> Fault:
    """The fault, not planted yet."""
    return _Timeouts()
