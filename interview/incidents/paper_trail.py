"""The fault of ``paper-trail``."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import psutil

from course.incidents import Caller, Fault
from interview.incidents.level_1 import Level1

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fault"]

_WAITING = re.compile(r"^serving_audit_waiting_bytes\{[^}]*\} (\S+)$", re.MULTILINE)
_WRITTEN_WITHIN_S = 10.0


class _PaperTrail:
    def __init__(self) -> None:
        self._level = Level1()
        self._planted = False
        self.caller = Caller(lambda: self._level.ask().status_code)

    def obstacle(self) -> str | None:
        missing = self._level.obstacle()
        return missing or (None if self._files() else f"level 1 keeps no audit log in {self._folder}: make up-1")

    def plant(self) -> None:
        self._planted = True
        largest = max(path.stat().st_size for path in self._files())
        self._limit(largest)

    def symptoms(self) -> list[str]:
        return [
            f"the callers of the last 10 s say: {self.caller.summary()}",
            f"serving_audit_waiting_bytes is {self._waiting():,.0f}",
        ]

    def evidence(self) -> list[str]:
        most = self._process.rlimit(psutil.RLIMIT_FSIZE)[0]
        limit = "unlimited" if most == psutil.RLIM_INFINITY else f"{most:,} bytes"
        largest = max(path.stat().st_size for path in self._files())
        return [f"Max file size of the process: {limit}", f"the largest file of the audit log: {largest:,} bytes"]

    def breach(self) -> str | None:
        waiting = self._waiting()
        return f"{waiting:,.0f} bytes of the audit log are in memory alone" if waiting else self.caller.breach()

    def fix(self) -> None:
        self._limit(psutil.RLIM_INFINITY)

    def restore(self) -> None:
        if not self._planted:
            return
        self.fix()
        self._level.heal()
        deadline = time.monotonic() + _WRITTEN_WITHIN_S
        while self._waiting():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the audit log still waits {_WRITTEN_WITHIN_S:g} s after its limit was lifted")
            time.sleep(0.1)

    @property
    def _folder(self) -> Path:
        return self._level.stack.home / "audit"

    @property
    def _process(self) -> psutil.Process:
        return psutil.Process(self._level.state().pid)

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.jsonl"))

    def _limit(self, size: int) -> None:
        """Sets the soft limit alone: the hard one could not be raised again."""
        process = self._process
        _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))

    def _waiting(self) -> float:
        return sum(float(value) for value in _WAITING.findall(self._level.http.get("/metrics").text))


def fault() -> Fault:
    """The fault, not planted yet."""
    return _PaperTrail()
