"""The fault of ``second-opinion``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path
from statistics import median

from course.incidents import Caller, Fault
from interview.incidents.level_1 import Level1
from interview.incidents.served_model import ServedModel

__all__ = ["fault"]

_BATCH, _RATE_RPS = 15, 10.0
_POOR_C = "0.0001"
_FILES = ("model.onnx", "model.json")


class _SecondOpinion:
    def __init__(self) -> None:
        self._level = Level1()
        self._model = ServedModel(self._level)
        self._sure: deque[float] = deque(maxlen=500)
        self._planted = False
        self.caller = Caller(self._ask, _RATE_RPS)

    def obstacle(self) -> str | None:
        missing = self._level.obstacle()
        if missing is None:
            self._model.put_back()  # left by a drill that was cut off with the machine's power
        return missing

    def plant(self) -> None:
        """Trains a model that is regularised to death, and serves it without asking the gate."""
        self._planted = True
        with tempfile.TemporaryDirectory() as folder:
            code = "from pathlib import Path; import sys; from iris_api.training.artefact import write_model; "
            code += "write_model(Path(sys.argv[1]), float(sys.argv[2]))"
            subprocess.run([sys.executable, "-c", code, folder, _POOR_C], check=True, stdout=subprocess.DEVNULL)
            self._model.replace({name: (Path(folder) / name).read_bytes() for name in _FILES})
        self._sure.clear()

    def symptoms(self) -> list[str]:
        lines = [f"the callers of the last 10 s say: {self.caller.summary()}"]
        if self._sure:
            lines.append(f"the best species of an answer has a probability of {median(self._sure):.2f} (median)")
        return [*lines, f"drift gauges in alarm: {', '.join(self._model.drifted()) or 'none'}"]

    def evidence(self) -> list[str]:
        card = (self._model.folder / "model.json").read_text()
        return [line.strip() for line in card.splitlines() if "accuracy" in line or "sha256" in line or '"c"' in line]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        self._model.put_back()

    def restore(self) -> None:
        if not self._planted:
            return
        self._level.heal()
        self._model.put_back()

    def _ask(self) -> int | str:
        flowers, species = self._level.labelled(_BATCH)
        response = self._level.http.post("/v1/predict", json=flowers)
        if not response.is_success:
            return response.status_code
        found = response.json()["predictions"]
        self._sure.extend(max(each["probabilities"]) for each in found)
        right = sum(each["class_name"] == name for each, name in zip(found, species, strict=True))
        return response.status_code if right >= _BATCH - 1 else "wrong species"


def fault() -> Fault:
    """The fault, not planted yet."""
    return _SecondOpinion()
