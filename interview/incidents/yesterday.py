"""The fault of ``yesterday``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from interview.incidents.level_2 import Level2
from recommender.adapters.inventory import RIGHTS
from servekit.valkey_users import write_users
from workbench.stack import control

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_CLIENT = "postprocessor"
_SERVER = "inventory"


class _Yesterday:
    def __init__(self) -> None:
        self._level = Level2()
        self._planted_at: float | None = None
        self.caller = self._level.users()

    def obstacle(self) -> str | None:
        return self._level.obstacle()

    def plant(self) -> None:
        """Gives the step's user a new password, and has the server alone take it."""
        self._planted_at = time.time()
        folder = self._level.settings.logins_dir.absolute()
        (folder / f"{_SERVER}-step").unlink()
        write_users(folder, _SERVER, RIGHTS)
        self._level.restart(_SERVER)

    def symptoms(self) -> list[str]:
        states = ", ".join(f"{name} {state.uptime_s} s" for name, state in self._states().items())
        return [f"the callers of the last 10 s say: {self.caller.summary()}", f"make status-2 says, up for: {states}"]

    def evidence(self) -> list[str]:
        password = self._level.settings.logins_dir / f"{_SERVER}-step"
        age_s = time.time() - password.stat().st_mtime
        client = self._states()[_CLIENT].uptime_s
        return [f"{password} is {age_s:.0f} s old; the {_CLIENT}, which reads it at its start, has run for {client} s"]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        self._level.restart(_CLIENT)

    def restore(self) -> None:
        if self._planted_at is None:
            return
        self._level.heal()
        if self._states()[_CLIENT].uptime_s > time.time() - self._planted_at:
            self.fix()

    def _states(self) -> dict[str, control.ProcessState]:
        return control.ask(self._level.stack)


def fault() -> Fault:
    """The fault, not planted yet."""
    return _Yesterday()
