"""The fault of ``false-start``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from course.incidents import Caller, Fault
from interview.incidents.level_1 import Level1
from interview.incidents.served_model import ServedModel
from iris_api.domain.flower import CLASS_NAMES, FEATURES
from servekit.drift import ReferenceProfile

__all__ = ["fault"]

_IN_MM = 10.0
_BATCH, _RATE_RPS = 15, 10.0
_PROFILE = "drift.json"


class _FalseStart:
    def __init__(self) -> None:
        self._level = Level1()
        self._model = ServedModel(self._level)
        self._planted = False
        self.caller = Caller(self._ask, _RATE_RPS)

    def obstacle(self) -> str | None:
        missing = self._level.obstacle()
        if missing is None:
            self._model.put_back()  # left by a drill that was cut off with the machine's power
        return missing

    def plant(self) -> None:
        """Makes the reference of the same flowers, in millimetres."""
        self._planted = True
        golden = self._level.golden
        profile = ReferenceProfile.of(
            golden.features * _IN_MM, golden.probabilities, model="iris", version="1", feature_names=FEATURES,
            score_names=[f"probability_{name}" for name in CLASS_NAMES],
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / _PROFILE
            profile.save(file)
            self._model.replace({_PROFILE: file.read_bytes()})

    def symptoms(self) -> list[str]:
        return [
            f"the callers of the last 10 s say: {self.caller.summary()}; they compare each answer with the right one",
            f"drift gauges in alarm: {', '.join(self._model.drifted()) or 'none'}",
        ]

    def evidence(self) -> list[str]:
        asked, now = self._level.flowers(1)[0], self._longest(self._model.folder)
        lines = [f"a request of the callers: {asked}", f"the largest of each feature in the reference: {now}"]
        kept = self._model.before / _PROFILE
        return [*lines, f"in the reference before: {self._longest(kept.parent)}"] if kept.exists() else lines

    def breach(self) -> str | None:
        drifted = self._model.drifted()
        return f"drift is in alarm: {', '.join(drifted)}" if drifted else self.caller.breach()

    def fix(self) -> None:
        self._model.put_back()

    def restore(self) -> None:
        if not self._planted:
            return
        self._level.heal()
        self._model.put_back()

    def _longest(self, folder: Path) -> str:
        columns = ReferenceProfile.load(folder / _PROFILE).columns
        return ", ".join(f"{column.name} {column.knots[-1]:g}" for column in columns if column.kind == "feature")

    def _ask(self) -> int | str:
        flowers, species = self._level.labelled(_BATCH)
        response = self._level.http.post("/v1/predict", json=flowers)
        if not response.is_success:
            return response.status_code
        answers = [each["class_name"] for each in response.json()["predictions"]]
        return response.status_code if answers == species else "wrong species"


def fault() -> Fault:
    """The fault, not planted yet."""
    return _FalseStart()
