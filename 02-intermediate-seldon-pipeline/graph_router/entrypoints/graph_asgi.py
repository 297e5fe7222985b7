"""The graph router's HTTP: an ASGI application around `GraphApi`.

It stands in for Seldon's executor (seldon-core 1.17.1) and for the ingress in front of it: one process where a cluster
has an executor in each pod and Istio before them. The same: paths, the order in which units are asked, messages passed
on as they are, `Seldon-Puid`, headers passed to every unit, a unit's error passed to the client under its own status,
status objects, metric names and labels, routing injection, splits and mirrors by `traffic` and `shadow`. Different, as
57 requests to both have shown:

- a unit that cannot be reached is 503 and one that is slow 504, each naming the unit (the executor: 500 for both, with
  the words of Go's error, and no sample in the metrics of its calls);
- a malformed message is refused here with 400: a field that is not the message's or its meta's, two payloads, a payload
  of another type, no object at all. The executor passes all of them on, and the first unit ignores what it does not
  know or answers 400 or 422 in its own words;
- a body that is not `application/json` is 415, over 1 MiB 413, a header that the units' servers would refuse 431 (the
  executor has no limits; a unit answers 400 to text, and takes a form's field `json`);
- errors are `application/json` (the executor calls its JSON `text/plain`); 404 and 405 have such a body, too (there:
  a line of text, and none);
- a unit whose answer is no SeldonMessage, has not one payload, or is neither 200 nor an error, is 502 and named (the
  executor: 500, or it passes the answer on);
- feedback is answered by the model's answer (the executor's answer is the feedback), and 422 where it names a route
  that is not there;
- a puid must be 1 to 256 printable ASCII characters, for it becomes a header;
- a puid in the message's meta counts more than the header `Seldon-Puid`, and both have it in the answer, whether or not
  the units keep it (the executor's header knows nothing of the meta's);
- a call without an annotation for its timeout may take 5 s (the executor waits for ever);
- each unit may be called over gRPC by its own `endpoint.type`, JSON and protobuf being converted between units (the
  executor uses one transport for a whole graph), but clients are answered over HTTP only;
- `/ready` asks each unit's own health check (the executor's `--full_health_checks`; by default it only connects to
  each), of all live predictors, and says so in a body, as `/live` does (there: empty);
- told to stop, it drains (see `servekit.http_server`); the executor closes its socket at once;
- an unknown unit in `/status` or `/metadata` is 404 and the known ones are named (the executor: 500);
- a request may name its predictor in the header `Seldon-Predictor`; every answer names it there;
- `/metrics` is the same as `/prometheus` (the executor has only that), its buckets are written `le="1.0"` (there:
  `le="1"`), and its summaries have no quantiles;
- no page of another origin may read an answer (the executor allows it to all, and answers `OPTIONS`);
- no `/api/v1.0/doc/`, no payload logging, no CloudEvents, no TensorFlow or V2 protocol.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from graph_router.adapters.seldon_message import status_json
from graph_router.domain.failure import StepError
from graph_router.entrypoints.graph_api import PREDICTOR, GraphApi, GraphRequest, GraphResponse
from servekit.asgi import check_media_type, header, run_lifespan, send_answer
from servekit.errors import ServingError
from servekit.telemetry import request_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from graph_router.adapters.executor_metrics import ExecutorMetrics
    from graph_router.domain.graph import Deployment
    from servekit.http_body import BodyReader
    from servekit.telemetry import Telemetry

__all__ = ["QUIET", "GraphApp"]

QUIET = frozenset({"/live", "/ready", "/metrics", "/prometheus"})
_log = logging.getLogger("recommender.router")
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_SERVER_FAILURE = 500
_REASONS = {400: "MICROSERVICE_BAD_DATA", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 503: "NOT_READY"}


class _Route(NamedTuple):
    """The route of an operation; ``path`` is its template, ``service`` the executor's label, no ``method`` is any."""

    path: str
    method: str
    service: str
    handler: Callable[[GraphRequest], Awaitable[GraphResponse]]


class GraphApp:
    """The ASGI application of the graph router.

    Args:
        api: the operations.
        metrics: the executor's metrics.
        telemetry: the text of ``/metrics``.
        bodies: reads the bodies.
        close: runs after the last answer.
        start: runs before the first request, on the event loop.
    """

    def __init__(  # noqa: PLR0913 - the parts of a server
        self,
        api: GraphApi,
        metrics: ExecutorMetrics,
        telemetry: Telemetry,
        bodies: BodyReader,
        close: Callable[[], Awaitable[None]],
        *,
        start: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._metrics = metrics
        self._telemetry = telemetry
        self._bodies = bodies
        self._start, self._close = start, close
        self._routes = {route.path: route for route in _routes(api)}
        self.expect(api.deployment)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request, or takes part in the start and stop of the server."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, self._close, self._start)
        elif scope["path"] in {"/metrics", "/prometheus"} and scope["method"] == "GET":
            scope["route"] = _Exposition("/metrics")
            await send_answer(send, 200, self._telemetry.exposition(), [_TEXT, _NOSNIFF])
        else:
            await self._answer(scope, receive, send)

    def expect(self, deployment: Deployment) -> None:
        """Starts every counter at 0: Prometheus sees the first failure only as a rise from a sample that is there."""
        metrics = self._telemetry.metrics
        for route in self._routes.values():
            metrics.expect(route.path)
            for predictor in deployment.live if route.method == "POST" else ():
                metrics.expect(route.path, deployment.name, predictor.version, timed=route.service == "predictions")
                self._metrics.expect_served(predictor, route.service)
        metrics.expect_steps("router", *(unit.name for each in deployment.live for unit in each.graph.walk()))

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        began, service = perf_counter(), ""
        request = GraphRequest(b"", scope["headers"], request_record(scope))
        try:
            route, request.name = self._find(scope)
            scope["route"], service = route, route.service
            if route.method == "POST":
                request.body = await self._body(scope, receive)
            answer = await self._handled(route, request)
            status, body, headers, request.predictor = 200, answer.body, answer.headers, answer.predictor
        except StepError as error:
            status, body, headers = error.status, error.body or status_json(error.status, error.reason, str(error)), ()
            if error.status >= _SERVER_FAILURE:
                _log.warning("%s", error)
        except ServingError as error:
            status, headers = int(error.status), error.headers
            body = status_json(status, _REASONS.get(status, error.status.phrase.upper().replace(" ", "_")), str(error))
        # a canary that fails is named as the predictor that failed
        predictor = request.predictor or self._api.deployment.live[0]
        sent = [_JSON, (PREDICTOR, predictor.name.encode()), *headers, _NOSNIFF]
        await send_answer(send, status, body, sent)
        if service:
            labels = (service, scope["method"].lower(), str(status))
            self._metrics.served(predictor, labels, perf_counter() - began)

    async def _handled(self, route: _Route, request: GraphRequest) -> GraphResponse:
        graph = self._api.graph
        graph.running += 1
        try:
            return await route.handler(request)
        finally:
            graph.running -= 1

    def _find(self, scope: Any) -> tuple[_Route, str]:
        path, name = scope["path"], ""
        route = self._routes.get(path)
        if route is None:
            parent, _, name = path.rpartition("/")
            route = self._routes.get(f"{parent}/{{unit}}")
        if route is None or (not name and "{" in route.path):
            raise _NotFoundError("path", path, "no such endpoint")
        if route.method not in {"", scope["method"]}:
            raise _MethodError("method", scope["method"], f"expected {route.method}")
        return route, name

    async def _body(self, scope: Any, receive: Any) -> bytes:
        check_media_type(header(scope, b"content-type"), b"application/json")
        return await self._bodies.read(receive, scope["headers"])


class _NotFoundError(ServingError):
    status = HTTPStatus.NOT_FOUND


class _MethodError(ServingError):
    status = HTTPStatus.METHOD_NOT_ALLOWED


def _routes(api: GraphApi) -> list[_Route]:
    return [
        _Route("/api/v1.0/predictions", "POST", "predictions", api.predict),
        _Route("/api/v0.1/predictions", "POST", "predictions", api.predict),
        _Route("/api/v1.0/feedback", "POST", "feedback", api.feedback),
        _Route("/api/v0.1/feedback", "POST", "feedback", api.feedback),
        _Route("/api/v1.0/metadata", "GET", "metadata", api.metadata),
        _Route("/api/v1.0/metadata/{unit}", "GET", "metadata", api.unit_metadata),
        _Route("/api/v1.0/status", "GET", "status", api.ready),
        _Route("/api/v0.1/metadata/{unit}", "GET", "metadata", api.unit_metadata),
        _Route("/api/v1.0/status/{unit}", "GET", "status", api.unit_status),
        _Route("/api/v0.1/status/{unit}", "GET", "status", api.unit_status),
        _Route("/api/v1.0/health/status", "GET", "status", api.ready),
        _Route("/ready", "", "", api.ready),
        _Route("/live", "", "", api.live),
    ]


class _Exposition(NamedTuple):
    path: str
