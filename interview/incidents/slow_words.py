"""The fault of ``slow-words``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

from interview.incidents.assistant_fault import AssistantFault

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_ENGINE, _SETTING = "assistant-engine", "ASSISTANT_THREADS"
_TIMES = 8


class _SlowWords(AssistantFault):
    def spoil(self) -> None:
        self.level.restart_with(_ENGINE, **{_SETTING: str(_TIMES * (os.cpu_count() or 1))})

    def signs(self) -> list[str]:
        work = self.work()
        return [
            f"the model computes {work.tokens:.1f} tokens a second",
            f"it keeps {work.cores:.1f} of {os.cpu_count()} cores busy",
            f"so a second of a core is good for {work.tokens / max(work.cores, 0.01):.0f} tokens",
        ]

    def evidence(self) -> list[str]:
        engine = psutil.Process(self.level.pid(_ENGINE))
        chosen = engine.environ().get(_SETTING, "not set")
        return [f"{_ENGINE} has {engine.num_threads()} threads; its {_SETTING} is {chosen}"]

    def fix(self) -> None:
        """Starts the engine as ``make up-3 WITH=assistant`` does, without a pause for the others."""
        self.level.restart_with(_ENGINE)


def fault() -> Fault:
    """The fault, not planted yet."""
    return _SlowWords()
