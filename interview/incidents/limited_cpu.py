"""What the faults with a CPU limiter share: a process that stands still most of the time, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from interview.incidents.background import Background
from workbench.processes import family
from workbench.stack import control

if TYPE_CHECKING:
    import psutil

    from course.incidents import Caller
    from interview.incidents.level_1 import Level1
    from interview.incidents.level_2 import Level2

__all__ = ["LimitedCpu"]

_LIMITER = Path(__file__).with_name("cpu_limiter.py")


class LimitedCpu:
    """A fault of one process, stopped and let go on by turns; a subclass says what of it is seen (`evidence`).

    Args:
        level: whose process it is.
        name: of the process; what it started is stopped with it.
        stopped_s: how long it is stopped.
        running_s: how long it runs in between.
        caller: the users of the level.
    """

    def __init__(self, level: Level1 | Level2, name: str, stopped_s: float, running_s: float, caller: Caller) -> None:
        stack = level.stack
        arguments = (str(stack.level), name, str(stopped_s), str(running_s))
        self._limiter = Background(_LIMITER, stack.home / "cpu_limiter.pid", *arguments)
        self._level, self._name = level, name
        self._planted = False
        self.caller = caller

    def obstacle(self) -> str | None:
        """Why the limiter cannot be started now."""
        return self._level.obstacle()

    def plant(self) -> None:
        """Starts the limiter."""
        self._planted = True
        self._limiter.start()

    def symptoms(self) -> list[str]:
        """What the callers say."""
        return [f"the callers of the last 10 s say: {self.caller.summary()}"]

    def evidence(self) -> list[str]:
        """Whether the limiter runs."""
        return ["cpu_limiter.py runs" if self._limiter.runs else "cpu_limiter.py has ended"]

    def breach(self) -> str | None:
        """What callers are promised and do not get, or None."""
        return self.caller.breach()

    def fix(self) -> None:
        """Ends the limiter."""
        self._limiter.kill()

    def restore(self) -> None:
        """Ends the limiter, lets the process go on, and returns once the level is healthy."""
        if not self._planted:
            return
        self._limiter.stop()
        for process in self.processes():  # a limiter that was killed hard could not let them go on
            process.resume()
        self._level.heal()

    def processes(self) -> list[psutil.Process]:
        """The process and what it started; none while it does not run."""
        pid = control.ask(self._level.stack)[self._name].pid
        return family(pid) if pid else []
