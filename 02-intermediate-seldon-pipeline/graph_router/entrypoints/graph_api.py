"""The operations of the executor's HTTP API: predictions, feedback, metadata and health of a graph."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import msgspec

from graph_router.adapters.graph_metadata import graph_metadata, unit_document
from graph_router.adapters.seldon_message import (
    checked_puid,
    completed,
    read_feedback,
    read_prediction,
    routing_of,
)
from servekit.errors import HeadersTooLargeError, InvalidValueError, NotReadyError, UnknownModelError

if TYPE_CHECKING:
    from graph_router.domain.graph import Call, Deployment, Predictor, Unit
    from graph_router.entrypoints.served_graph import ServedGraph
    from graph_router.service.routing import Headers
    from servekit.telemetry import RequestRecord

__all__ = ["PREDICTOR", "PUID", "GraphApi", "GraphRequest", "GraphResponse"]

PUID = b"seldon-puid"
PREDICTOR = b"seldon-predictor"
_HEALTH = "/health/status"
# These belong to one connection, to one body, or are set anew for each call.
_NOT_PASSED_ON = frozenset({
    b"accept-encoding", b"connection", b"content-encoding", b"content-length", b"content-type", b"expect", b"host",
    b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
    b"traceparent", b"transfer-encoding", b"upgrade", PREDICTOR, PUID,
})  # fmt: skip
# Every step reads the headers, too: a step's server (gunicorn) takes 8,190 bytes each, and 100 of them.
_MAX_HEADER_BYTES = 8_000
_MAX_HEADERS = 90
# gRPC takes so much of all of them together, each counted with 32 bytes more.
_MAX_METADATA_BYTES = 7_000
_PER_HEADER = 32


@dataclass(slots=True)
class GraphRequest:
    """A request to the graph.

    Attributes:
        body: the body's bytes.
        headers: the headers, with lower-case names.
        record: the request's telemetry.
        name: the unit that the path names, if it names one.
        predictor: the predictor that answers; None until it is chosen.
    """

    body: bytes
    headers: Headers
    record: RequestRecord
    name: str = ""
    predictor: Predictor | None = None

    def header(self, wanted: bytes) -> str | None:
        """The value of a header, or None."""
        return next((value.decode("latin-1") for name, value in self.headers if name == wanted), None)

    def puid(self) -> str:
        """The id that the client gave its request, else a new one.

        Raises:
            MalformedError: the client's id is not valid.
        """
        sent = self.header(PUID)
        return checked_puid("header seldon-puid", sent) if sent else str(uuid4())


class GraphResponse(NamedTuple):
    """An answer of the graph: its JSON, the predictor that gave it, and further headers."""

    body: bytes
    predictor: Predictor
    headers: tuple[tuple[bytes, bytes], ...] = ()


class GraphApi:
    """The operations of a graph; each raises `StepError` or `ServingError` for what it cannot answer.

    Attributes:
        graph: what serves requests that begin now; an operation takes it once, before it first waits for anything.
        draining: set once the process has been told to stop; it is then no longer ready, but still answers.
    """

    def __init__(self, graph: ServedGraph, *, inject_routing: bool) -> None:
        self.graph = graph
        self.draining = False
        self._inject_routing = inject_routing

    @property
    def deployment(self) -> Deployment:
        """The deployment in service."""
        return self.graph.deployment

    async def predict(self, request: GraphRequest) -> GraphResponse:
        """The graph's answer to a SeldonMessage."""
        record, predictor = request.record, self._choose(request)
        message, puid = read_prediction(request.body, request.puid())
        record.mark("router")

        def stepped(unit: Unit, _: Call) -> None:
            record.mark(unit.name)

        answer = await self.graph.routing.predict(predictor, message, _passed_on(request, puid, predictor), stepped)
        body = completed(answer.message, puid, answer.routing if self._inject_routing else None)
        return GraphResponse(body, predictor, ((PUID, puid.encode()),))

    async def feedback(self, request: GraphRequest) -> GraphResponse:
        """The answer to a Feedback, which goes the way of the answer that it is about."""
        predictor = self._choose(request)
        feedback = read_feedback(request.body)
        puid = request.puid()
        headers = _passed_on(request, puid, predictor)
        answer = await self.graph.routing.feedback(predictor, feedback, headers, routing_of(feedback))
        return GraphResponse(answer.json, predictor, ((PUID, puid.encode()),))

    async def metadata(self, request: GraphRequest) -> GraphResponse:
        """The metadata of a predictor's units, and the inputs and outputs of the whole graph."""
        predictor = self._choose(request)
        return GraphResponse(msgspec.json.encode(await graph_metadata(self.graph.steps, predictor)), predictor)

    async def unit_metadata(self, request: GraphRequest) -> GraphResponse:
        """The metadata of one unit, as it reports it."""
        predictor, unit = self._unit(request)
        return GraphResponse(await unit_document(self.graph.steps, predictor, unit, "/metadata"), predictor)

    async def unit_status(self, request: GraphRequest) -> GraphResponse:
        """The answer of one unit's own health check."""
        predictor, unit = self._unit(request)
        return GraphResponse(await unit_document(self.graph.steps, predictor, unit, _HEALTH), predictor)

    async def ready(self, request: GraphRequest) -> GraphResponse:
        """The answer that every unit of the live predictors is healthy.

        Raises:
            NotReadyError: a unit is not healthy or does not answer, or this process is draining.
        """
        del request
        if self.draining:
            raise NotReadyError("server", "draining", "call another replica")
        asked = [(each, unit) for each in self.deployment.live for unit in each.graph.walk() if unit.endpoint]
        health = [unit_document(self.graph.steps, predictor, unit, _HEALTH) for predictor, unit in asked]
        failed = [each for each in await asyncio.gather(*health, return_exceptions=True) if isinstance(each, Exception)]
        if failed:
            raise NotReadyError("graph", self.deployment.name, "; ".join(sorted({str(each) for each in failed})))
        return GraphResponse(b'{"status":"ready"}', self.deployment.live[0])

    async def live(self, request: GraphRequest) -> GraphResponse:
        """The answer that the process runs."""
        del request
        return GraphResponse(b'{"status":"alive"}', self.deployment.live[0])

    def _choose(self, request: GraphRequest) -> Predictor:
        wanted = request.header(PREDICTOR)
        try:
            predictor = self.graph.routing.choose(wanted)
        except KeyError:
            known = ", ".join(each.name for each in self.deployment.live)
            raise InvalidValueError("header seldon-predictor", wanted, f"expected one of {known}") from None
        request.record.model, request.record.version = self.deployment.name, predictor.version
        request.predictor = predictor
        return predictor

    def _unit(self, request: GraphRequest) -> tuple[Predictor, Unit]:
        predictor = self._choose(request)
        for unit in predictor.graph.walk():
            if unit.name == request.name and unit.endpoint is not None:
                return predictor, unit
        known = ", ".join(unit.name for unit in predictor.graph.walk() if unit.endpoint)
        raise UnknownModelError("unit", request.name, f"unknown: expected one of {known}")


def _passed_on(request: GraphRequest, puid: str, predictor: Predictor) -> Headers:
    headers = [header for header in request.headers if header[0] not in _NOT_PASSED_ON]
    if sum(len(name) + len(value) for name, value in headers) > _MAX_METADATA_BYTES - _MAX_HEADERS * _PER_HEADER:
        _check_sizes(headers, predictor)
    if len(headers) > _MAX_HEADERS:
        raise HeadersTooLargeError("headers", len(headers), f"expected at most {_MAX_HEADERS}")
    return [*headers, (b"traceparent", request.record.traceparent.encode()), (PUID, puid.encode())]


def _check_sizes(headers: Headers, predictor: Predictor) -> None:
    sizes = [len(name) + len(value) for name, value in headers]
    largest = max(sizes)
    name = headers[sizes.index(largest)][0].decode("latin-1")[:80]
    if largest > _MAX_HEADER_BYTES:
        raise HeadersTooLargeError(f"header {name}", f"{largest} bytes", f"expected at most {_MAX_HEADER_BYTES}")
    total = sum(sizes) + len(sizes) * _PER_HEADER
    over_grpc = [unit.name for unit in predictor.graph.walk() if unit.endpoint and unit.endpoint.grpc]
    if over_grpc and total > _MAX_METADATA_BYTES:
        expectation = f"expected at most {_MAX_METADATA_BYTES} for step {over_grpc[0]}, the largest is {name}"
        raise HeadersTooLargeError("headers", f"{total} bytes", expectation)
