"""The fault of ``by-turns``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from interview.incidents.background import Background
from interview.incidents.level_2 import Level2
from workbench.processes import family
from workbench.stack import control

if TYPE_CHECKING:
    import psutil

    from course.incidents import Fault

__all__ = ["fault"]

_LIMITER = Path(__file__).with_name("cpu_limiter.py")
_STEP = "model"
_STOPPED_S, _RUNNING_S = "0.4", "0.2"


class _ByTurns:
    def __init__(self) -> None:
        self._level = Level2()
        pid_file = self._level.stack.home / "cpu_limiter.pid"
        self._limiter = Background(_LIMITER, pid_file, "2", _STEP, _STOPPED_S, _RUNNING_S)
        self._planted = False
        self.caller = self._level.users()

    def obstacle(self) -> str | None:
        return self._level.obstacle()

    def plant(self) -> None:
        self._planted = True
        self._limiter.start()

    def symptoms(self) -> list[str]:
        return [f"the callers of the last 10 s say: {self.caller.summary()}"]

    def evidence(self) -> list[str]:
        states = ", ".join(sorted(process.status() for process in self._processes()))
        limiter = "cpu_limiter.py runs" if self._limiter.runs else "cpu_limiter.py has ended"
        return [f"the processes of the {_STEP} are {states}", limiter]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        self._limiter.kill()

    def restore(self) -> None:
        if not self._planted:
            return
        self._limiter.stop()
        for process in self._processes():  # a limiter that was killed hard could not let them go on
            process.resume()
        self._level.heal()

    def _processes(self) -> list[psutil.Process]:
        pid = control.ask(self._level.stack)[_STEP].pid
        return family(pid) if pid else []


def fault() -> Fault:
    """The fault, not planted yet."""
    return _ByTurns()
