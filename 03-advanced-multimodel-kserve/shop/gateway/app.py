"""The gateway's HTTP: an ASGI application with as few layers as there are steps.

A path leads to its use case by one look-up in a dict. Admission comes first: a request over the limit costs a status
line. What a use case raises becomes ``{"error": …}`` under the error's own status.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from servekit.errors import MediaTypeError, ServingError, ShedError
from servekit.http_body import read_body
from shop.gateway.errors import MethodError, UnauthorizedError
from shop.gateway.request import Incoming, Outgoing, deadline_of, version_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servekit.telemetry import RequestRecord, Telemetry
    from shop.gateway.admission import AdaptiveLimit, Keys
    from shop.gateway.metrics import GatewayMetrics
    from shop.gateway.passthrough import PassThrough
    from shop.gateway.settings import GatewaySettings
    from shop.gateway.upkeep import Readiness

__all__ = ["QUIET", "Endpoint", "GatewayApp", "UseCase"]

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_log = logging.getLogger("shop.gateway")
_JSON = b"application/json"
_JSON_TYPE = (b"content-type", _JSON)
_TEXT_TYPE = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_RETRY = (b"retry-after", b"1")
_ASK_KEY = (b"www-authenticate", b"ApiKey")
_encode = msgspec.json.Encoder().encode
_Headers = list[tuple[bytes, bytes]]


class UseCase(Protocol):
    """What answers a request; ``model`` is whose answer it is, empty where none is asked."""

    model: str

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Answers one request, or raises `ServingError`."""


class Endpoint(NamedTuple):
    """A POST operation; ``extra`` is room above the limit for what matters more than the rest."""

    answer: UseCase
    extra: int = 0


class GatewayApp:
    """The application.

    Args:
        settings: limits and defaults.
        endpoints: by path.
        passthrough: answers ``/v2``.
        watch: observes every request.
        limit: of requests at once.
        keys: who may ask.
        ready: whether to.
        metrics: the gateway's own.
        start: run before the first request.
        close: run after the last answer.
    """

    def __init__(  # noqa: PLR0913 - the composition root hands in each once
        self,
        settings: GatewaySettings,
        endpoints: dict[str, Endpoint],
        passthrough: PassThrough,
        watch: Telemetry,
        limit: AdaptiveLimit,
        keys: Keys,
        ready: Readiness,
        metrics: GatewayMetrics,
        start: Callable[[], None],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._passthrough = passthrough
        self._watch = watch
        self._limit = limit
        self._keys = keys
        self._ready = ready
        self._metrics = metrics
        self._start = start
        self._close = close

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request, or takes part in the server's start and stop."""
        if scope["type"] != "http":
            await self._lifespan(receive, send)
            return
        headers = dict(scope["headers"])
        record = self._watch.begin(headers.get(b"traceparent"))
        endpoint, path, method = self._endpoints.get(scope["path"]), scope["path"], scope["method"]
        extra = endpoint.extra if endpoint is not None else 0
        if path in QUIET:
            await self._operations(path, method, record, send)
        elif self._limit.enter(extra):
            began = monotonic()
            try:
                if endpoint is not None:
                    await self._answer(endpoint, scope, headers, record, receive, send)
                else:
                    await self._other(scope, headers, record, receive, send)
            finally:
                # what the model server's own protocol is used for has no target
                self._limit.leave(monotonic() - began if endpoint is not None else 0.0)
        else:
            self._metrics.shed("limit")
            error = ShedError("server", None, "has as many requests as it can answer in time: try again")
            await self._end(send, record, method, path if endpoint is not None else "unmatched", error)

    async def _answer(
        self,
        endpoint: Endpoint,
        scope: Any,
        headers: dict[bytes, bytes],
        record: RequestRecord,
        receive: Any,
        send: Any,
    ) -> None:
        """One of the API's own operations."""
        settings, path = self._settings, scope["path"]
        try:
            if scope["method"] != "POST":
                raise MethodError("method", scope["method"], "expected POST")
            self._keys.check(headers)
            version, deadline = version_of(headers, settings.version), deadline_of(headers, settings.deadline_s)
            _check_media_type(headers)
            body = await read_body(receive, headers.get(b"content-length"), settings.max_body_bytes)
            if endpoint.answer.model:
                record.model, record.version = endpoint.answer.model, version
            outgoing = await endpoint.answer(Incoming(body, record, deadline, version))
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer without a traceback
            await self._end(send, record, scope["method"], path, error)
            return
        sent = [_JSON_TYPE, (b"x-model-version", outgoing.version.encode())]
        if outgoing.degraded:
            sent.append((b"x-degraded", outgoing.degraded.encode()))
        await _send(send, record, 200, outgoing.body, sent)
        self._watch.finish(record, "POST", path, 200)

    async def _other(
        self, scope: Any, headers: dict[bytes, bytes], record: RequestRecord, receive: Any, send: Any
    ) -> None:
        """The model server's own protocol, and what is nowhere."""
        route = "unmatched"
        try:
            self._keys.check(headers)
            found = self._passthrough.find(scope["path"], scope["method"])
            route = found.route
            limit = self._settings.max_body_bytes
            body = await read_body(receive, headers.get(b"content-length"), limit) if scope["method"] == "POST" else b""
            deadline = deadline_of(headers, self._settings.tensor_deadline_s)
            reply = await self._passthrough.answer(found, headers, body, record, deadline)
        except Exception as error:  # noqa: BLE001 - as above
            await self._end(send, record, scope["method"], route, error)
            return
        await _send(send, record, reply.status, reply.body, reply.headers)
        self._watch.finish(record, scope["method"], route, reply.status)

    async def _operations(self, path: str, method: str, record: RequestRecord, send: Any) -> None:
        try:
            if method not in {"GET", "HEAD"}:
                raise MethodError("method", method, "expected GET")
            if path == "/readyz":
                self._ready.check()
        except ServingError as error:
            await self._end(send, record, method, path, error)
            return
        if path == "/metrics":
            await _send(send, record, 200, self._watch.exposition(), [_TEXT_TYPE])
        else:
            await _send(send, record, 200, b'{"ready":true}' if path == "/readyz" else b'{"live":true}', [_JSON_TYPE])
        self._watch.finish(record, method, path, 200)

    async def _end(self, send: Any, record: RequestRecord, method: str, route: str, error: Exception) -> None:
        """An answer that is an error."""
        headers = [_JSON_TYPE]
        if isinstance(error, ServingError):
            status, text = int(error.status), str(error)
            if isinstance(error, ShedError):
                headers.append(_RETRY)
                if error.thing == "key":
                    self._metrics.shed("rate")
            elif isinstance(error, UnauthorizedError):
                headers.append(_ASK_KEY)
        else:
            status, text = 500, "server: failed to answer; the log says why"
            _log.error("%s %s failed", method, route, exc_info=error)
        await _send(send, record, status, _encode({"error": text}), headers)
        self._watch.finish(record, method if method in _METHODS else "_OTHER", route, status)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while (await receive())["type"] == "lifespan.startup":
            self._start()
            await send({"type": "lifespan.startup.complete"})
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _check_media_type(headers: dict[bytes, bytes]) -> None:
    sent = headers.get(b"content-type")
    if sent != _JSON and (sent or b"").split(b";")[0].strip().lower() != _JSON:
        shown = sent.decode("latin-1") if sent else None
        raise MediaTypeError("content-type", shown, f"{'' if sent else 'missing: '}expected application/json")


async def _send(send: Any, record: RequestRecord, status: int, body: bytes, headers: _Headers) -> None:
    headers = [*headers, (b"content-length", b"%d" % len(body)), (b"x-trace-id", b"%032x" % record.trace_id)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
