"""The fault of ``slow-words``."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from interview.incidents.assistant_fault import AssistantFault
from interview.incidents.background import Background

if TYPE_CHECKING:
    from collections.abc import Iterator

    from course.incidents import Fault

__all__ = ["fault"]

_CHECK = Path(__file__).with_name("model_check.py")
_ENGINE = "assistant-engine"
_LOOK_S = 2.0


class _SlowWords(AssistantFault):
    def __init__(self) -> None:
        super().__init__()
        self._check = Background(_CHECK, self.level.stack_home / "model_check.pid")

    def spoil(self) -> None:
        self._check.start()

    def signs(self) -> list[str]:
        work = self.work()
        return [
            f"the model computes {work.tokens:.1f} tokens of answers a second, with {work.cores:.2f} of a core",
            f"the load average is {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        ]

    def evidence(self) -> list[str]:
        return [*self._threads(), *self._waited()]

    def fix(self) -> None:
        self._check.kill()

    def clean(self) -> None:
        self._check.stop()

    def _threads(self) -> Iterator[str]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if str(_CHECK) in process.cmdline():
                    yield f"process {process.pid}, model_check.py, has {process.num_threads()} threads"

    def _waited(self) -> Iterator[str]:
        """How long the engine had work and no core, as the kernel counts it (``/proc/PID/schedstat``)."""
        file = Path("/proc") / str(self.level.pid(_ENGINE)) / "schedstat"
        if file.exists():
            before = int(file.read_text("ascii").split()[1])
            time.sleep(_LOOK_S)
            waited_s = (int(file.read_text("ascii").split()[1]) - before) / 1e9
            yield f"in {_LOOK_S:g} s the engine's main thread had work and no core for {waited_s:.2f} s"


def fault() -> Fault:
    """The fault, not planted yet."""
    return _SlowWords()
