"""The fault of ``second-opinion``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from interview.incidents.served_model import BATCH, ServedModelFault

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_POOR_C = "0.0001"
_FILES = ("model.onnx", "model.json")


class _SecondOpinion(ServedModelFault):
    def __init__(self) -> None:
        super().__init__()
        self._sure: deque[float] = deque(maxlen=500)

    def spoil(self) -> None:
        """Trains a model that is regularised to death, and serves it without asking the gate."""
        with tempfile.TemporaryDirectory() as folder:
            code = "from pathlib import Path; import sys; from iris_api.training.artefact import write_model; "
            code += "write_model(Path(sys.argv[1]), float(sys.argv[2]))"
            subprocess.run([sys.executable, "-c", code, folder, _POOR_C], check=True, stdout=subprocess.DEVNULL)
            self.model.replace({name: (Path(folder) / name).read_bytes() for name in _FILES})
        self._sure.clear()

    def symptoms(self) -> list[str]:
        lines = [f"the callers of the last 10 s say: {self.caller.summary()}"]
        if self._sure:
            lines.append(f"the best species of an answer has a probability of {median(self._sure):.2f} (median)")
        return [*lines, f"drift gauges in alarm: {', '.join(self.model.drifted()) or 'none'}"]

    def evidence(self) -> list[str]:
        card = (self.model.folder / "model.json").read_text()
        return [line.strip() for line in card.splitlines() if "accuracy" in line or "sha256" in line or '"c"' in line]

    def right(self, predictions: list[Any], species: list[str]) -> bool:
        self._sure.extend(max(each["probabilities"]) for each in predictions)
        correct: int = sum(each["class_name"] == name for each, name in zip(predictions, species, strict=True))
        return correct >= BATCH - 1


def fault() -> Fault:
    """The fault, not planted yet."""
    return _SecondOpinion()
