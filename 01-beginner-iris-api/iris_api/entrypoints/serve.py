"""One server process: start-up, listening, and a drain that loses no request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from iris_api.adapters.onnx_model import OnnxModel
from iris_api.adapters.oversight import open_oversight
from iris_api.entrypoints.app import create_app
from iris_api.entrypoints.listener import listen
from iris_api.service.predictor import Predictor
from servekit.http_server import DrainingServer
from servekit.telemetry import TelemetrySettings, configure_logging

if TYPE_CHECKING:
    from iris_api.settings import IrisSettings

__all__ = ["build_server", "serve"]

_log = logging.getLogger("iris_api")


def build_server(settings: IrisSettings) -> DrainingServer:
    """Loads the model and wires the application around it.

    Raises:
        ArtefactError: the model must not be served.
    """
    model = OnnxModel(settings.model_dir)
    predictor = Predictor(model)
    predictor.check_ready()
    app = create_app(settings, TelemetrySettings(), predictor, open_oversight(model, settings.model_dir))
    return DrainingServer(
        app,
        predictor,
        drain_s=settings.drain_s,
        drain_timeout_s=settings.drain_timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
        worker=settings.share_ports,
    )


def serve(settings: IrisSettings) -> None:
    """Serves until told to stop."""
    configure_logging("iris-api", TelemetrySettings().log_level)
    server = build_server(settings)
    with listen(settings) as listener:
        _log.info("serving iris on http://%s:%d, gRPC on %d", *listener.getsockname(), settings.grpc_port)
        server.serve_on(listener)
