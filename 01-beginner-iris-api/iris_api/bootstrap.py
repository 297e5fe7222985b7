"""The composition root: settings in, a server out. No other module knows all the parts."""

from __future__ import annotations

import logging
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from iris_api.adapters.model_monitor import open_model_monitor
from iris_api.adapters.onnx_model import OnnxModel
from iris_api.entrypoints.arrow import arrow_route
from iris_api.entrypoints.direct_router import DirectRouter
from iris_api.entrypoints.docs import docs_router
from iris_api.entrypoints.exception_handlers import http_exception_handler, serving_error_handler
from iris_api.entrypoints.health import QUIET, health_router
from iris_api.entrypoints.lifespan import Served, lifespan
from iris_api.entrypoints.oip_model import SERVER, OipModel
from iris_api.entrypoints.oip_rest import infer_route, oip_router
from iris_api.entrypoints.predict import predict_route
from iris_api.entrypoints.sockets import bind_socket
from iris_api.service.predictor import Predictor
from servekit.drift import DriftCollector
from servekit.errors import ServingError
from servekit.http_body import BodyReader
from servekit.http_server import DrainingServer
from servekit.telemetry import Telemetry, TelemetryMiddleware, TelemetrySettings, configure_logging

if TYPE_CHECKING:
    from iris_api.adapters.model_monitor import ModelMonitor
    from iris_api.entrypoints.direct_route import DirectRoute
    from iris_api.settings import IrisSettings

__all__ = ["build_server", "create_app", "serve"]

_log = logging.getLogger("iris_api")

_ABOUT: Any = {
    "title": "Iris API",
    "version": SERVER.version,
    "description": "The species of an iris from four lengths. "
    'Every error is `{"error": "<thing> <value>: <expectation>"}`.',
}


def serve(settings: IrisSettings) -> None:
    """Serves until a signal stops the process.

    Raises:
        AuditLossError: the last lines of the audit log cannot be written.
    """
    configure_logging("iris-api", TelemetrySettings().log_level)
    server, monitor = build_server(settings)
    with closing(monitor), bind_socket(settings) as listener:
        _log.info("serving iris on http://%s:%d, gRPC on %d", *listener.getsockname(), settings.grpc_port)
        server.serve_on(listener)


def build_server(settings: IrisSettings) -> tuple[DrainingServer, ModelMonitor]:
    """The server of a loaded model, and its monitor, which the caller closes when the server has ended.

    Raises:
        ArtefactError: the model's files are missing, damaged, or not signed as they must be.
    """
    model = OnnxModel(settings.model_dir)
    predictor = Predictor(model)
    predictor.check_ready()
    monitor = open_model_monitor(model, settings.model_dir)
    app = create_app(settings, TelemetrySettings(), predictor, monitor, reloads=True)
    server = DrainingServer(
        app,
        predictor,
        drain_s=settings.drain_s,
        drain_timeout_s=settings.drain_timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
        parent=settings.worker_of,
    )
    return server, monitor


def create_app(
    settings: IrisSettings,
    observed: TelemetrySettings,
    predictor: Predictor,
    monitor: ModelMonitor,
    *,
    reloads: bool = False,
    **options: Any,
) -> TelemetryMiddleware:
    """The HTTP application. Its lifespan also runs the gRPC server, on the same event loop and with the same model.

    Args:
        settings: ports and limits.
        observed: where traces go.
        predictor: the use case; the server sets its ``draining`` when the process is told to stop.
        monitor: drift and audit of the answers; the caller closes it after the last answer.
        reloads: whether a signal replaces the model by the one that then lies in its folder.
        options: further arguments of `Telemetry`, e.g. a registry of its own for a test.
    """
    telemetry = Telemetry("iris-api", "1", observed, quiet=QUIET, **options)
    model = monitor.model
    telemetry.metrics.loaded(model.name, model.version, model.sha256)
    if monitor.drifts:
        telemetry.register(DriftCollector(monitor.drifts))
    monitor.watch(telemetry.metrics)
    predictor.conditions.append(monitor.check_ready)
    tensors = OipModel(predictor, monitor, model.card)

    lives = partial(lifespan, Served(settings, predictor, monitor, tensors, telemetry), reloads=reloads)
    app = FastAPI(**_ABOUT, lifespan=lives, docs_url=None, redoc_url=None, redirect_slashes=False)
    bodies = BodyReader(settings.max_body_bytes, settings.receive_timeout_s)
    direct = _direct_routes(tensors, predictor, monitor, bodies)
    app.router.routes[:0] = direct
    app.include_router(oip_router(tensors, predictor))
    app.include_router(health_router(predictor, telemetry))
    app.include_router(docs_router())
    _start_counters(telemetry, app, [route.path for route in direct], predictor)
    app.add_exception_handler(ServingError, serving_error_handler)
    app.add_exception_handler(HTTPException, http_exception_handler)
    return TelemetryMiddleware(DirectRouter(app, direct), telemetry)


def _start_counters(telemetry: Telemetry, app: FastAPI, inferring: list[str], predictor: Predictor) -> None:
    """Starts every counter at 0: Prometheus sees the first failure only as a rise from a sample that is there."""
    for route in app.routes:
        telemetry.metrics.expect(str(getattr(route, "path", "")))
    for path in inferring:
        telemetry.metrics.expect(path, predictor.model.name, predictor.model.version, timed=True)
    telemetry.metrics.expect_steps("decode", "infer", "encode")


def _direct_routes(
    tensors: OipModel, predictor: Predictor, monitor: ModelMonitor, bodies: BodyReader
) -> list[DirectRoute]:
    return [
        predict_route(predictor, monitor, bodies),
        infer_route("/v2/models/{model}/infer", tensors, bodies),
        infer_route("/v2/models/{model}/versions/{version}/infer", tensors, bodies),
        arrow_route(predictor, monitor, bodies),
    ]
