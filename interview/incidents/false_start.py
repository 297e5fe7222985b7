"""The fault of ``false-start``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interview.incidents.served_model import ServedModelFault
from iris_api.domain.flower import CLASS_NAMES, FEATURES
from servekit.drift import ReferenceProfile

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_IN_MM = 10.0
_PROFILE = "drift.json"


class _FalseStart(ServedModelFault):
    def spoil(self) -> None:
        """Makes the reference of the same flowers, in millimetres."""
        golden = self.level.golden
        profile = ReferenceProfile.of(
            golden.features * _IN_MM, golden.probabilities, model="iris", version="1", feature_names=FEATURES,
            score_names=[f"probability_{name}" for name in CLASS_NAMES],
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / _PROFILE
            profile.save(file)
            self.model.replace({_PROFILE: file.read_bytes()})

    def symptoms(self) -> list[str]:
        return [
            f"the callers of the last 10 s say: {self.caller.summary()}; they compare each answer with the right one",
            f"drift gauges in alarm: {', '.join(self.model.drifted()) or 'none'}",
        ]

    def evidence(self) -> list[str]:
        asked, now = self.level.flowers(1)[0], self._longest(self.model.folder)
        lines = [f"a request of the callers: {asked}", f"the largest of each feature in the reference: {now}"]
        kept = self.model.before / _PROFILE
        return [*lines, f"in the reference before: {self._longest(kept.parent)}"] if kept.exists() else lines

    def breach(self) -> str | None:
        drifted = self.model.drifted()
        return f"drift is in alarm: {', '.join(drifted)}" if drifted else self.caller.breach()

    def right(self, predictions: list[Any], species: list[str]) -> bool:
        return [each["class_name"] for each in predictions] == species

    def _longest(self, folder: Path) -> str:
        columns = ReferenceProfile.load(folder / _PROFILE).columns
        return ", ".join(f"{column.name} {column.knots[-1]:g}" for column in columns if column.kind == "feature")


def fault() -> Fault:
    """The fault, not planted yet."""
    return _FalseStart()
