"""The composition root: settings in, a server out. What knows everything is here, and here alone."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from iris_api.adapters.onnx_model import OnnxModel
from iris_api.adapters.oversight import open_oversight
from iris_api.entrypoints.arrow import arrow_route
from iris_api.entrypoints.docs import docs_router
from iris_api.entrypoints.errors import render_http_error, render_serving_error
from iris_api.entrypoints.front_door import FrontDoor
from iris_api.entrypoints.listener import listen
from iris_api.entrypoints.oip_grpc import start_grpc
from iris_api.entrypoints.oip_model import SERVER, OipModel
from iris_api.entrypoints.oip_rest import infer_route, oip_router
from iris_api.entrypoints.operations import QUIET, operations_router
from iris_api.entrypoints.predict import predict_route
from iris_api.service.predictor import Predictor
from servekit.drift import DriftCollector
from servekit.errors import ServingError
from servekit.http_body import BodyReader
from servekit.http_server import DrainingServer
from servekit.telemetry import Telemetry, TelemetryMiddleware, TelemetrySettings, configure_logging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iris_api.adapters.oversight import Oversight
    from iris_api.entrypoints.direct import DirectRoute
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
    """Serves until told to stop.

    Raises:
        AuditLossError: the audit log's last lines cannot be written.
    """
    configure_logging("iris-api", TelemetrySettings().log_level)
    server, oversight = build_server(settings)
    with closing(oversight), listen(settings) as listener:
        _log.info("serving iris on http://%s:%d, gRPC on %d", *listener.getsockname(), settings.grpc_port)
        server.serve_on(listener)


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


def create_app(
    settings: IrisSettings, observed: TelemetrySettings, predictor: Predictor, oversight: Oversight, **telemetry: Any
) -> TelemetryMiddleware:
    """The HTTP application; its lifespan runs the gRPC server beside it, on the same loop and the same model.

    Args:
        settings: ports and limits.
        observed: where traces go.
        predictor: the use case; its ``draining`` is set by who stops the process.
        oversight: drift and audit of its answers; whoever serves closes it, once no answer can follow.
        telemetry: further arguments of `Telemetry`, e.g. a registry of its own for a test.
    """
    watch = Telemetry("iris-api", "1", observed, quiet=QUIET, **telemetry)
    model = oversight.model
    watch.metrics.loaded(model.name, model.version, model.sha256)
    if oversight.monitor:
        watch.register(DriftCollector([oversight.monitor]))
    oversight.watch(watch.metrics)
    predictor.conditions.append(oversight.check_ready)
    tensors = OipModel(predictor, oversight, model.card)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        grpc = await start_grpc(tensors, predictor, watch, settings)
        yield
        await grpc.stop(settings.drain_timeout_s)
        watch.shutdown()

    app = FastAPI(**_ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    bodies = BodyReader(settings.max_body_bytes, settings.receive_timeout_s)
    direct = _direct_routes(tensors, predictor, oversight, bodies)
    app.router.routes[:0] = direct
    app.include_router(oip_router(tensors, predictor))
    app.include_router(operations_router(predictor, watch))
    app.include_router(docs_router())
    _expect(watch, app, [route.path for route in direct], predictor)
    app.add_exception_handler(ServingError, render_serving_error)
    app.add_exception_handler(HTTPException, render_http_error)
    return TelemetryMiddleware(FrontDoor(app, direct), watch)


def _expect(watch: Telemetry, app: FastAPI, inferring: list[str], predictor: Predictor) -> None:
    """Shows as 0 what will be counted, so that the first failures are seen as a rise from there."""
    for route in app.routes:
        watch.metrics.expect(str(getattr(route, "path", "")))
    for path in inferring:
        watch.metrics.expect(path, predictor.model.name, predictor.model.version, timed=True)
    watch.metrics.expect_steps("decode", "infer", "encode")


def _direct_routes(
    tensors: OipModel, predictor: Predictor, oversight: Oversight, bodies: BodyReader
) -> list[DirectRoute]:
    return [
        predict_route(predictor, oversight, bodies),
        infer_route("/v2/models/{model}/infer", tensors, bodies),
        infer_route("/v2/models/{model}/versions/{version}/infer", tensors, bodies),
        arrow_route(predictor, oversight, bodies),
    ]
