"""The composition root of ``python -m graph_router``: a deployment and settings in, a server out."""

from __future__ import annotations

import logging
import sys
from typing import Any

from prometheus_client import REGISTRY
from pydantic import ValidationError

from graph_router.adapters.deployment_yaml import load_deployment
from graph_router.adapters.executor_metrics import ExecutorMetrics
from graph_router.adapters.step_calls import StepCalls, Steps
from graph_router.domain.graph import Deployment, GraphError, Predictor
from graph_router.entrypoints.graph_api import GraphApi
from graph_router.entrypoints.graph_asgi import QUIET, GraphApp
from graph_router.entrypoints.served_graph import GraphReplacer, ServedGraph, digests
from graph_router.service.routing import Headers, Routing
from graph_router.settings import RouterSettings
from servekit.http_body import BodyReader
from servekit.http_server import DrainingServer
from servekit.startup import StartupError, bound_socket, setting_problems
from servekit.telemetry import Telemetry, TelemetryMiddleware, TelemetrySettings, configure_logging

__all__ = ["build", "main"]

_log = logging.getLogger("recommender.router")


def build(
    deployment: Deployment,
    settings: RouterSettings,
    observed: TelemetrySettings,
    *,
    replaces: bool = False,
    **options: Any,
) -> tuple[TelemetryMiddleware, GraphApi]:
    """The application that serves a deployment, and its operations.

    Args:
        deployment: the deployment to serve.
        settings: the router's limits.
        observed: where traces go.
        replaces: whether a signal replaces the deployment by the one that then lies in its file.
        options: further arguments of `Telemetry`, e.g. a registry of its own for a test.
    """
    telemetry = Telemetry("recommender-router", "2", observed, quiet=QUIET, **options)
    metrics = ExecutorMetrics(deployment, options.get("registry", REGISTRY))

    def opened(deployment: Deployment) -> ServedGraph:
        return _opened(deployment, settings, telemetry, metrics)

    api = GraphApi(opened(deployment), inject_routing=settings.inject_routing)

    def replace(deployment: Deployment) -> ServedGraph:
        app.expect(deployment)
        old, api.graph = api.graph, opened(deployment)
        return old

    async def close() -> None:
        await api.graph.close()
        telemetry.shutdown()

    replacer = GraphReplacer(settings.graph, lambda: api.graph, replace, telemetry)
    bodies = BodyReader(settings.max_body_bytes, settings.receive_timeout_s)
    app = GraphApp(api, metrics, telemetry, bodies, close, start=replacer.listen if replaces else _nothing)
    return TelemetryMiddleware(app, telemetry), api


def _opened(
    deployment: Deployment, settings: RouterSettings, telemetry: Telemetry, metrics: ExecutorMetrics
) -> ServedGraph:
    for version, sha256 in digests(deployment):  # the steps report their own artefacts; the router serves the graph
        telemetry.metrics.loaded(deployment.name, version, sha256)
    for shadow in deployment.shadows:
        metrics.expect_mirrored(shadow, "answered", "failed", "dropped")
    steps = Steps(deployment, metrics)

    def connect(predictor: Predictor, headers: Headers) -> StepCalls:
        return StepCalls(steps, predictor, headers)

    routing = Routing(deployment, connect, metrics.mirrored, most_copies=settings.max_shadow_requests)
    return ServedGraph(deployment, routing, steps)


def _nothing() -> None:
    """Needs nothing to begin with."""


def main() -> int:
    """The exit status: 0 after a clean stop; 1, with one line on stderr, when the process cannot start."""
    try:
        settings = RouterSettings(_cli_parse_args=True, _cli_prog_name="python -m graph_router", _cli_kebab_case=True)
        observed = TelemetrySettings()
        deployment = load_deployment(settings.graph)
        listener = bound_socket(settings.host, settings.port, ("RECOMMENDER_HOST", "RECOMMENDER_PORT"))
    except (GraphError, StartupError, OSError) as error:
        print(f"recommender router cannot start: {error}", file=sys.stderr)
        return 1
    except ValidationError as error:
        for problem in setting_problems(error, RouterSettings, TelemetrySettings):
            print(f"recommender router cannot start: {problem}", file=sys.stderr)
        return 1
    configure_logging("recommender-router", observed.log_level)
    app, api = build(deployment, settings, observed, replaces=True)
    server = DrainingServer(
        app,
        api,
        drain_s=settings.drain_s,
        drain_timeout_s=settings.drain_timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
    )
    _log.info("serving %s on http://%s:%d", deployment.name, *listener.getsockname())
    with listener:
        server.serve_on(listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
