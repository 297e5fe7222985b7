"""``python -m recommender``: the graph router. Its composition root."""

from __future__ import annotations

import gc
import hashlib
import logging
import socket
import sys
from typing import Any

import msgspec
import uvicorn
from prometheus_client import REGISTRY
from pydantic import ValidationError

from recommender.adapters.deployment_yaml import load_deployment
from recommender.adapters.executor_metrics import ExecutorMetrics
from recommender.adapters.step_calls import StepCalls, Steps
from recommender.domain.graph import Deployment, GraphError, Predictor
from recommender.entrypoints.graph_api import GraphApi
from recommender.entrypoints.graph_asgi import QUIET, GraphApp
from recommender.service.routing import Headers, Routing
from recommender.settings import RouterSettings
from servekit.telemetry import Telemetry, TelemetryMiddleware, TelemetrySettings, configure_logging

__all__ = ["create_app", "main"]

_log = logging.getLogger("recommender.router")


def create_app(
    deployment: Deployment, settings: RouterSettings, observed: TelemetrySettings, **telemetry: Any
) -> TelemetryMiddleware:
    """The application that serves a deployment; ``telemetry`` goes to `Telemetry`, e.g. a test's own registry."""
    watch = Telemetry("recommender-router", "2", observed, quiet=QUIET, **telemetry)
    for predictor in deployment.live:  # the steps vouch for their artefacts; the router's own is the graph
        digest = hashlib.sha256(msgspec.json.encode(predictor.graph, order="deterministic")).hexdigest()
        watch.metrics.loaded(deployment.name, predictor.version, digest)
    metrics = ExecutorMetrics(deployment, telemetry.get("registry", REGISTRY))
    steps = Steps(deployment, metrics)

    def connect(predictor: Predictor, headers: Headers) -> StepCalls:
        return StepCalls(steps, predictor, headers)

    routing = Routing(deployment, connect, metrics.mirrored, most_copies=settings.max_shadow_requests)

    async def close() -> None:
        await routing.close()
        await steps.close()
        watch.shutdown()

    api = GraphApi(deployment, routing, steps, inject_routing=settings.inject_routing)
    return TelemetryMiddleware(GraphApp(api, metrics, watch, settings.max_body_bytes, close), watch)


def main() -> int:
    """Serves until told to stop: 0 after a clean stop, 1 with a one-line reason when the process cannot start."""
    try:
        settings = RouterSettings(_cli_parse_args=True, _cli_prog_name="python -m recommender", _cli_kebab_case=True)
        observed = TelemetrySettings()
        deployment = load_deployment(settings.graph)
        listener = _listen(settings)
    except (GraphError, OSError) as error:
        print(f"recommender router cannot start: {error}", file=sys.stderr)
        return 1
    except ValidationError as error:
        for problem in error.errors():
            name = f"RECOMMENDER_{problem['loc'][0]}".upper()
            print(f"recommender router cannot start: {name} {problem['input']}: {problem['msg']}", file=sys.stderr)
        return 1
    configure_logging("recommender-router", observed.log_level)
    config = uvicorn.Config(
        create_app(deployment, settings, observed),
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
    gc.collect()
    gc.freeze()  # what start-up made stays; collecting it again and again would only lengthen the tail
    _log.info("serving %s on http://%s:%d", deployment.name, *listener.getsockname())
    with listener:
        uvicorn.Server(config).run([listener])
    return 0


def _listen(settings: RouterSettings) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        address = f"{settings.host}:{settings.port}"
        raise OSError(f"{address}: {error.strerror}: free it, or set RECOMMENDER_PORT") from None
    return listener


if __name__ == "__main__":
    sys.exit(main())
