"""The fault of ``restart-loop``."""

from __future__ import annotations

import signal

from course.incidents import Caller, Fault
from interview.incidents.level_1 import Level1
from iris_api.adapters.artefact import ArtefactError, read_artefact

__all__ = ["fault"]


class _RestartLoop:
    def __init__(self) -> None:
        self._level = Level1()
        self.caller = Caller(lambda: self._level.ask().status_code)
        self._model = self._level.settings.model_dir / "model.onnx"
        self._kept = self._level.stack.home / "model.onnx.kept"
        self._planted = False

    def obstacle(self) -> str | None:
        self._put_back()
        return self._level.obstacle()

    def plant(self) -> None:
        self._planted = True
        onnx = bytearray(self._model.read_bytes())
        self._kept.write_bytes(onnx)
        onnx[len(onnx) // 2] ^= 0xFF
        self._model.write_bytes(onnx)
        self._level.send(signal.SIGTERM)

    def symptoms(self) -> list[str]:
        state = self._level.state().status
        return [f"the callers of the last 10 s say: {self.caller.summary()}", f"make status-1 says: {state}"]

    def evidence(self) -> list[str]:
        try:
            read_artefact(self._level.settings.model_dir)
        except ArtefactError as error:
            return [str(error)]
        return ["model.onnx is whole again: well repaired"]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        self._put_back()
        self._level.heal()

    def restore(self) -> None:
        if not self._planted:
            return
        self._put_back()
        self._level.heal()

    def _put_back(self) -> None:
        """Unless the learner has made the model anew. Also after a drill that was cut off with the machine's power."""
        if not self._kept.exists():
            return
        try:
            read_artefact(self._level.settings.model_dir)
        except ArtefactError:
            self._model.write_bytes(self._kept.read_bytes())
        self._kept.unlink()


def fault() -> Fault:
    """The fault, not planted yet."""
    return _RestartLoop()
