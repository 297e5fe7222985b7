"""Replaces the model in service by the one that now lies in its folder, while requests go on.

SIGUSR1 asks for it. The new model is checked, loaded and warmed up in another thread; then one assignment on the event
loop makes it the model of the next request. Whatever is wrong with it, the old one goes on.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from iris_api.adapters.artefact import ArtefactError
from iris_api.adapters.model_monitor import open_drift
from iris_api.adapters.onnx_model import OnnxModel
from iris_api.entrypoints.workers import RELOAD
from iris_api.service.predictor import Predictor
from servekit.drift import ProfileError
from servekit.errors import NotReadyError

if TYPE_CHECKING:
    from pathlib import Path

    from iris_api.adapters.model_monitor import ModelMonitor
    from servekit.drift import DriftMonitor
    from servekit.telemetry import Telemetry

__all__ = ["Reloader"]

_log = logging.getLogger("iris_api")


class Reloader:
    """Reloads one server's model.

    Args:
        folder: where its artefact lies.
        predictor: has the model in service.
        monitor: has its drift reference.
        telemetry: is told which artefact is loaded.
    """

    def __init__(self, folder: Path, predictor: Predictor, monitor: ModelMonitor, telemetry: Telemetry) -> None:
        self._folder, self._predictor, self._monitor, self._telemetry = folder, predictor, monitor, telemetry
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        """Reloads on the signal from now on; to be called on the event loop of the main thread."""
        asyncio.get_running_loop().add_signal_handler(RELOAD, self._begin)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {RELOAD})  # what came while a worker started comes now

    async def reload(self) -> None:
        """Puts the folder's model in service, or leaves the old one there and logs why."""
        async with self._one_at_a_time:
            try:
                model, drift = await asyncio.to_thread(self._loaded)
            except (ArtefactError, ProfileError, NotReadyError, OSError) as error:
                _log.error("the model is not replaced: %s", error)
                return
            old = self._predictor.model
            self._predictor.model = model
            self._monitor.replace(model, drift)
            self._telemetry.metrics.replaced(model.name, model.version, old.sha256, model.sha256)
            _log.info("the model is replaced: sha256 %s after %s", model.sha256, old.sha256)

    def _begin(self) -> None:
        task = asyncio.ensure_future(self.reload())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _loaded(self) -> tuple[OnnxModel, DriftMonitor | None]:
        model, old = OnnxModel(self._folder), self._monitor.model.card
        same = (old.name, old.version, old.inputs, old.outputs)
        if (model.card.name, model.card.version, model.card.inputs, model.card.outputs) != same:
            raise ArtefactError(
                f"{self._folder}: {model.name} {model.version}: expected {old.name} {old.version} with the same"
                " tensors, which clients go on to ask for: make down-1 up-1 serves another one"
            )
        Predictor(model).check_ready()
        return model, open_drift(self._folder)
