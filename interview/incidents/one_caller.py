"""The fault of ``one-caller``."""

from __future__ import annotations

import itertools
import os
from collections import Counter

import psutil

from course.incidents import Caller, Fault
from interview.incidents.level_1 import Level1

__all__ = ["fault"]

_SETTING = "IRIS_MAX_BODY_BYTES"
_TOO_LOW = "2048"
_MANY = 40
_ONE_IN = 3


class _OneCaller:
    def __init__(self) -> None:
        self._level = Level1()
        self._before = os.environ.get(_SETTING)
        self._turns = itertools.count()
        self._codes: Counter[tuple[int, int]] = Counter()
        self._planted = False
        self.caller = Caller(self._ask)

    def obstacle(self) -> str | None:
        return self._level.obstacle()

    def plant(self) -> None:
        self._planted = True
        self._codes.clear()
        os.environ[_SETTING] = _TOO_LOW
        self._level.start_anew()

    def symptoms(self) -> list[str]:
        answered = ", ".join(
            f"{count} × {code} for {flowers} flower{'s' * (flowers > 1)}"
            for (flowers, code), count in sorted(self._codes.items())
        )
        return [f"the callers of the last 10 s say: {self.caller.summary()}", f"since the maintenance: {answered}"]

    def evidence(self) -> list[str]:
        set_to = psutil.Process(self._level.state().pid).environ().get(_SETTING, "not set")
        answer = self._level.ask(_MANY)
        return [f"{_SETTING} of the process: {set_to}", f"{_MANY} flowers: {answer.status_code} {answer.text[:120]}"]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        if self._before is None or self._before == _TOO_LOW:
            os.environ.pop(_SETTING, None)
        else:
            os.environ[_SETTING] = self._before
        self._level.start_anew()

    def restore(self) -> None:
        if not self._planted:
            return
        self._level.heal()
        if not self._level.ask(_MANY).is_success:
            self.fix()

    def _ask(self) -> int:
        count = _MANY if next(self._turns) % _ONE_IN == 0 else 1
        code = self._level.ask(count).status_code
        self._codes[count, code] += 1
        return code


def fault() -> Fault:
    """The fault, not planted yet."""
    return _OneCaller()
