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
_GOOD, _BAD = "41", "42"
_SETTLES_WITHIN_S = 30.0


class _AllGreen:
    def __init__(self) -> None:
        self._level = Level1()
        self._release = self._level.stack.home / "callers" / "botanists"
        self._answers: deque[str] = deque(maxlen=500)
        self._planted = False
        self.caller = Caller(self._ask, _RATE_RPS)

    def obstacle(self) -> str | None:
        self._release.unlink(missing_ok=True)  # left by a drill that was cut off with the machine's power
        return self._level.obstacle()

    def plant(self) -> None:
        self._planted = True
        self._release.parent.mkdir(exist_ok=True)
        self._release.write_text(f"{_BAD}\n")

    def symptoms(self) -> list[str]:
        species = Counter(self._answers)
        shares = ", ".join(f"{species[name] / species.total():.0%} {name}" for name in CLASS_NAMES)
        return [
            f"the callers of the last 10 s say: {self.caller.summary()}",
            f"their last {species.total()} answers were {shares}; last week it was a third each",
        ]

    def evidence(self) -> list[str]:
        asked, trained = self._level.flowers(1, self._scale)[0], self._level.golden.features.max(axis=0)
        longest = ", ".join(f"{name} {length:g}" for name, length in zip(asked, trained, strict=True))
        return [
            f"drift gauges in alarm: {', '.join(self._drifted()) or 'none'}",
            f"a request of that caller: {asked}",
            f"the largest of each feature in the training data: {longest}",
        ]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        self._release.write_text(f"{_GOOD}\n")

    def restore(self) -> None:
        if not self._planted:
            return
        self._release.unlink(missing_ok=True)
        self._level.heal()
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while self._drifted_still():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"drift in {', '.join(self._drifted())} after {_SETTLES_WITHIN_S:g} s of good flowers"
                )
        self._level.http.close()

    @property
    def _scale(self) -> float:
        """The unit that the callers' release sends; without the file it is the release before."""
        try:
            return _MM_IN_CM if self._release.read_text().strip() == _BAD else 1.0
        except OSError:
            return 1.0

    def _drifted_still(self) -> bool:
        """After more good flowers: within nine turns the long window, of 5,000, has forgotten the bad ones too."""
        for _ in range(4):
            self._level.ask(150).raise_for_status()
        return bool(self._drifted())

    def _ask(self) -> int | str:
        flowers, species = self._level.labelled(_BATCH, self._scale)
        response = self._level.http.post("/v1/predict", json=flowers)
        if not response.is_success:
            return response.status_code
        answers = [each["class_name"] for each in response.json()["predictions"]]
        self._answers.extend(answers)
        right = sum(answer == name for answer, name in zip(answers, species, strict=True))
        return response.status_code if right >= _BATCH - 1 else "wrong species"

    def _drifted(self) -> list[str]:
        versions = parse(self._level.http.get("/metrics").text)
        return [name for drift in versions.values() for name in drift.drifted]


def fault() -> Fault:
    """The fault, not planted yet."""
    return _AllGreen()
