"""One server process: start-up, listening, and a drain that loses no request."""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from typing import TYPE_CHECKING

import uvicorn

from iris_api.adapters.onnx_model import OnnxModel
from iris_api.adapters.oversight import open_oversight
from iris_api.entrypoints.app import create_app
from iris_api.entrypoints.listener import listen
from iris_api.service.predictor import Predictor
from servekit.telemetry import TelemetrySettings, configure_logging

if TYPE_CHECKING:
    from types import FrameType

    from iris_api.settings import IrisSettings

__all__ = ["DrainingServer", "build_server", "serve"]

_log = logging.getLogger("iris_api")


class DrainingServer(uvicorn.Server):
    """uvicorn, stopped in the order that a load balancer needs.

    On SIGTERM it says that it is no longer ready and closes each keep-alive connection with the answer to its next
    request, while new requests are still answered; after ``drain_s`` it stops listening and lets running requests end.
    Plain uvicorn closes idle connections at once: a request already on its way to one of them is lost.
    """

    def __init__(self, config: uvicorn.Config, predictor: Predictor, settings: IrisSettings) -> None:
        super().__init__(config)
        self._predictor = predictor
        self._settings = settings
        self._deadline = float("inf")
        self._parent = os.getppid()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signal handler's signature
        """Starts to drain; a second signal ends the drain at once."""
        if self._predictor.draining:
            self._deadline = 0
            self.force_exit = sig == signal.SIGINT
            return
        self._predictor.draining = True
        self._deadline = time.monotonic() + self._settings.drain_s
        self.config.encoded_headers.append((b"connection", b"close"))
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop now; called ten times a second."""
        orphaned = self._settings.share_ports and os.getppid() != self._parent  # a worker nobody would stop any more
        if orphaned and not self._predictor.draining:
            self.handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter) or time.monotonic() >= self._deadline


def build_server(settings: IrisSettings) -> DrainingServer:
    """Loads the model and wires the application around it.

    Raises:
        ArtefactError: the model must not be served.
    """
    model = OnnxModel(settings.model_dir)
    predictor = Predictor(model)
    predictor.check_ready()
    app = create_app(settings, TelemetrySettings(), predictor, open_oversight(model, settings.model_dir))
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="uvloop",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        backlog=2048,
        timeout_graceful_shutdown=settings.drain_timeout_s,
    )
    return DrainingServer(config, predictor, settings)


def serve(settings: IrisSettings) -> None:
    """Serves until told to stop. Start-up garbage is collected once and then left alone, for a steadier tail."""
    configure_logging("iris-api", TelemetrySettings().log_level)
    server = build_server(settings)
    with listen(settings) as listener:
        gc.collect()
        gc.freeze()
        _log.info("serving iris on http://%s:%d, gRPC on %d", *listener.getsockname(), settings.grpc_port)
        server.run([listener])
