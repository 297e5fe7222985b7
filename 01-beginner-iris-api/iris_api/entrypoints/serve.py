"""One server process: start-up, listening, and a drain that loses no request."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from iris_api.adapters.onnx_model import OnnxModel
from iris_api.adapters.oversight import open_oversight
from iris_api.entrypoints.app import create_app
from iris_api.entrypoints.listener import listen
from iris_api.service.predictor import Predictor
from servekit.http_server import DrainingServer
from servekit.telemetry import TelemetrySettings, configure_logging

if TYPE_CHECKING:
    from iris_api.adapters.oversight import Oversight
    from iris_api.settings import IrisSettings

__all__ = ["build_server", "serve"]

_log = logging.getLogger("iris_api")


def build_server(settings: IrisSettings) -> tuple[DrainingServer, Oversight]:
    """Loads the model and wires the application around it; the oversight is to be closed when the server has ended.

    Raises:
        ArtefactError: the model must not be served.
    """
    model = OnnxModel(settings.model_dir)
    predictor = Predictor(model)
    predictor.check_ready()
    oversight = open_oversight(model, settings.model_dir)
    app = create_app(settings, TelemetrySettings(), predictor, oversight)
    server = DrainingServer(
        app,
        predictor,
        drain_s=settings.drain_s,
        drain_timeout_s=settings.drain_timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
        worker=settings.share_ports,
    )
    return server, oversight


def serve(settings: IrisSettings) -> None:
    """Serves until told to stop.

    Raises:
        AuditLossError: the audit log's last lines cannot be written.
    """
    configure_logging("iris-api", TelemetrySettings().log_level)
    server, oversight = build_server(settings)
    with closing(oversight), listen(settings) as listener:
        _log.info("serving iris on http://%s:%d, gRPC on %d", *listener.getsockname(), settings.grpc_port)
        server.serve_on(listener)
