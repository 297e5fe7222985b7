"""The fault of ``all-green``."""

from __future__ import annotations

import time
from collections import Counter, deque

from course.incidents import Caller, Fault
from interview.incidents.level_1 import Level1
from iris_api.domain.flower import CLASS_NAMES
from workbench.drift.terminal import parse

__all__ = ["fault"]

_MM_IN_CM = 10.0
_BATCH, _RATE_RPS = 15, 10.0
_SETTLES_WITHIN_S = 30.0


class _AllGreen:
    def __init__(self) -> None:
        self._level = Level1()
        self._caller = Caller(self._ask, _RATE_RPS)
        self._answers: deque[str] = deque(maxlen=500)
        self._planted = False

    def obstacle(self) -> str | None:
        return self._level.obstacle()

    def plant(self) -> None:
        self._planted = True
        self._caller.start()

    def symptoms(self) -> list[str]:
        drifted = self._drifted()
        if not drifted:
            return []
        species = Counter(self._answers)
        shares = ", ".join(f"{species[name] / species.total():.0%} {name}" for name in CLASS_NAMES)
        return [
            f"the callers of the last 10 s say: {self._caller.summary()}",
            f"their last {species.total()} answers were {shares}; last week it was a third each",
            "drift gauges are in alarm (where Prometheus watches, the alert FeatureDrift fires)",
        ]

    def evidence(self) -> list[str]:
        asked, trained = self._level.flowers(1, _MM_IN_CM)[0], self._level.golden.features.max(axis=0)
        longest = ", ".join(f"{name} {length:g}" for name, length in zip(asked, trained, strict=True))
        return [
            f"in alarm: {', '.join(self._drifted())}",
            f"a request of that caller: {asked}",
            f"the largest of each feature in the training data: {longest}",
        ]

    def restore(self) -> None:
        if not self._planted:
            return
        self._caller.stop()
        self._level.heal()
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while self._drifted_still():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"drift in {', '.join(self._drifted())} after {_SETTLES_WITHIN_S:g} s of good flowers"
                )
        self._level.http.close()

    def _drifted_still(self) -> bool:
        """After more good flowers: within nine turns the long window, of 5,000, has forgotten the bad ones too."""
        for _ in range(4):
            self._level.ask(150).raise_for_status()
        return bool(self._drifted())

    def _ask(self) -> int:
        response = self._level.ask(_BATCH, _MM_IN_CM)
        self._answers.extend(each["class_name"] for each in response.json()["predictions"])
        return response.status_code

    def _drifted(self) -> list[str]:
        versions = parse(self._level.http.get("/metrics").text)
        return [name for drift in versions.values() for name in drift.drifted]


def fault() -> Fault:
    """The fault, not planted yet."""
    return _AllGreen()
