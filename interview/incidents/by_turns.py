"""The fault of ``by-turns``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interview.incidents.level_2 import Level2
from interview.incidents.limited_cpu import LimitedCpu

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_STEP = "model"
_STOPPED_S, _RUNNING_S = 0.4, 0.2


class _ByTurns(LimitedCpu):
    def __init__(self) -> None:
        level = Level2()
        super().__init__(level, _STEP, _STOPPED_S, _RUNNING_S, level.users())

    def evidence(self) -> list[str]:
        states = ", ".join(sorted(process.status() for process in self.processes()))
        return [f"the processes of the {_STEP} are {states}", *super().evidence()]


def fault() -> Fault:
    """The fault, not planted yet."""
    return _ByTurns()
