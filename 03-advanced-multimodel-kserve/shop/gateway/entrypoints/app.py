"""The gateway's HTTP: an ASGI application with as few layers as there are steps.

A path leads to its use case by one look-up in a dict. A request takes one of the limit's places once its body is there:
who sends slowly holds none. What a use case raises becomes ``{"error": …}`` under the error's own status.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from servekit.asgi import check_media_type, run_lifespan, send_answer
from servekit.errors import ServingError, ShedError
from servekit.http_body import BodyReader
from shop.gateway.domain.errors import MethodError
from shop.gateway.entrypoints.health import QUIET, Health
from shop.gateway.service.request import Incoming, Outgoing, deadline_of, version_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servekit.telemetry import RequestRecord, Telemetry
    from shop.gateway.adapters.metrics import GatewayMetrics
    from shop.gateway.adapters.rates import KeyRates
    from shop.gateway.domain.admission import AdaptiveLimit
    from shop.gateway.domain.api_keys import ApiKeys
    from shop.gateway.entrypoints.passthrough import PassThrough
    from shop.gateway.service.upkeep import Readiness
    from shop.gateway.settings import GatewaySettings

__all__ = ["Admission", "GatewayApp", "Handler", "UseCase"]

_log = logging.getLogger("shop.gateway")
_JSON = b"application/json"
_JSON_TYPE = (b"content-type", _JSON)
_UNMATCHED = "unmatched"
_SHED = {"server": "limit", "key": "rate", "body": "body"}
_encode = msgspec.json.Encoder().encode
_Headers = list[tuple[bytes, bytes]]


class UseCase(Protocol):
    """What answers a request; ``model`` is whose answer it is, empty where none is asked."""

    model: str

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Answers one request, or raises `ServingError`."""


class Handler(NamedTuple):
    """What answers the POSTs to a path; ``extra`` is room above the limit for what matters more than the rest."""

    answer: UseCase
    extra: int = 0


class Admission(NamedTuple):
    """What decides whether a request is let in: the limit, the keys and their rates; ``metrics`` counts refusals."""

    limit: AdaptiveLimit
    keys: ApiKeys
    rates: KeyRates
    metrics: GatewayMetrics


class _Exchange(NamedTuple):
    """One request as ASGI has it, with its headers by name."""

    scope: Any
    headers: dict[bytes, bytes]
    record: RequestRecord
    receive: Any
    send: Any


class GatewayApp:
    """The application.

    Args:
        settings: limits and defaults.
        handlers: by path.
        passthrough: answers ``/v2``.
        watch: observes every request.
        admission: decides which requests are let in.
        ready: whether they should come.
        life: run before the first request, and after the last answer.
    """

    def __init__(  # noqa: PLR0913 - the composition root hands in each once
        self,
        settings: GatewaySettings,
        handlers: dict[str, Handler],
        passthrough: PassThrough,
        watch: Telemetry,
        *,
        admission: Admission,
        ready: Readiness,
        life: tuple[Callable[[], None], Callable[[], Awaitable[None]]],
    ) -> None:
        self._settings = settings
        self._handlers = handlers
        self._passthrough = passthrough
        self._watch = watch
        self._limit, self._keys, self._rates, self._metrics = admission
        self._health = Health(ready, watch)
        self._start, self._close = life
        self._bodies = BodyReader(settings.max_body_bytes, settings.receive_timeout_s)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request, or takes part in the server's start and stop."""
        if scope["type"] != "http":
            await run_lifespan(receive, send, self._close, self._start)
            return
        headers = dict(scope["headers"])
        record = self._watch.begin(headers.get(b"traceparent"))
        exchange = _Exchange(scope, headers, record, receive, send)
        handler = self._handlers.get(scope["path"])
        if handler is not None:
            await self._answer(handler, exchange)
        elif scope["path"] in QUIET:
            await self._probe(exchange)
        else:
            await self._other(exchange)

    async def _answer(self, handler: Handler, exchange: _Exchange) -> None:
        """Answers a POST to one of the API's own paths."""
        scope, headers, record, receive, send = exchange
        settings = self._settings
        try:
            _check_method(scope["method"], "POST")
            await self._check_key(scope["headers"])
            version = version_of(headers, settings.version_of(handler.answer.model))
            check_media_type(headers.get(b"content-type"), _JSON)
            body = await self._bodies.read(receive, scope["headers"])
            incoming = Incoming(body, record, deadline_of(headers, settings.deadline_s), version)
            outgoing = await self._admitted(handler, incoming)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer without a traceback
            await self._end(exchange, scope["path"], error)
            return
        sent = [_JSON_TYPE, (b"x-model-version", outgoing.version.encode()), _trace(record)]
        if outgoing.degraded:
            sent.append((b"x-degraded", outgoing.degraded.encode()))
        await send_answer(send, 200, outgoing.body, sent)
        self._watch.finish(record, "POST", scope["path"], 200)

    async def _admitted(self, handler: Handler, incoming: Incoming) -> Outgoing:
        self._enter(handler.extra)
        began = monotonic()
        try:
            if handler.answer.model:
                record = incoming.record
                record.model, record.version = handler.answer.model, self._metrics.version(incoming.version)
            return await handler.answer(incoming)
        finally:
            self._limit.leave(monotonic() - began)

    async def _check_key(self, headers: _Headers) -> None:
        holder = self._keys.holder(headers)
        if holder:
            self._metrics.asked(holder)
            await self._rates.take(holder)

    def _enter(self, extra: int = 0) -> None:
        if not self._limit.enter(extra):
            raise ShedError("server", None, "too many requests at once, try again")

    async def _other(self, exchange: _Exchange) -> None:
        """Answers what is meant for the model server, and with 404 whatever has no such path."""
        scope, headers, record, receive, send = exchange
        settings, route, body = self._settings, _UNMATCHED, b""
        try:
            await self._check_key(scope["headers"])
            operation = self._passthrough.find(scope["path"], scope["method"])
            route = operation.route
            if operation.infer:
                body = await self._bodies.read(receive, scope["headers"], settings.max_tensor_bytes)
            deadline = deadline_of(headers, settings.tensor_deadline_s)
            self._enter()
            try:
                reply = await self._passthrough.answer(operation, headers, body, record, deadline)
            finally:
                self._limit.leave(0.0)  # there is no target for what others use the models for
        except Exception as error:  # noqa: BLE001 - as above
            await self._end(exchange, route, error)
            return
        await send_answer(send, reply.status, reply.body, [*reply.headers, _trace(record)])
        self._watch.finish(record, scope["method"], route, reply.status)

    async def _probe(self, exchange: _Exchange) -> None:
        """Health and metrics: answered whatever the load, and to whoever asks."""
        path, record = exchange.scope["path"], exchange.record
        try:
            body, content_type = self._health.answer(path, exchange.scope["method"])
        except ServingError as error:
            await self._end(exchange, path, error)
            return
        await send_answer(exchange.send, 200, body, [content_type, _trace(record)])
        self._watch.finish(record, "GET", path, 200)

    async def _end(self, exchange: _Exchange, route: str, error: Exception) -> None:
        """Answers with an error."""
        headers, method, record = [_JSON_TYPE], exchange.scope["method"], exchange.record
        if isinstance(error, ServingError):
            status, text = int(error.status), str(error)
            headers += error.headers
            if isinstance(error, ShedError):
                self._metrics.shed(_SHED[error.thing])
        else:
            status, text = 500, "server: failed to answer; the log says why"
            _log.error("%s %s failed", method, route, exc_info=error)
        await send_answer(exchange.send, status, _encode({"error": text}), [*headers, _trace(record)])
        self._watch.finish(record, method if method in _METHODS else "_OTHER", route, status)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _check_method(sent: str, wanted: str) -> None:
    if sent != wanted:
        raise MethodError("method", sent, f"expected {wanted}")


def _trace(record: RequestRecord) -> tuple[bytes, bytes]:
    return b"x-trace-id", b"%032x" % record.trace_id
