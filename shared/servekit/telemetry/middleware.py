"""The ASGI middleware that observes every HTTP request."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from servekit.telemetry.core import Telemetry
    from servekit.telemetry.record import RequestRecord

__all__ = ["TelemetryMiddleware", "request_record"]

_KEY = "servekit.request"
_UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_OTHER_METHOD = "_OTHER"  # OpenTelemetry's name for what is none of these: a caller's own word reaches no log
_CLIENT_CLOSED_REQUEST = 499


def request_record(scope: Any) -> RequestRecord:
    """The record of the request that an ASGI scope belongs to."""
    record: RequestRecord = scope[_KEY]
    return record


class TelemetryMiddleware:
    """Wraps an ASGI application; must be outermost, so that it sees every answer.

    Each answer carries ``x-trace-id``, which a caller can quote when something went wrong.
    """

    def __init__(self, app: Any, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Runs one request through the application and its record through the telemetry."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = self._telemetry.begin(_header(scope["headers"], b"traceparent"))
        scope[_KEY] = record
        code = 500

        async def observed_send(message: Any) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                message["headers"] = [*message["headers"], (b"x-trace-id", b"%032x" % record.trace_id)]
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        except BaseException as error:
            # also when the answer had begun: its rest is missing
            code = _CLIENT_CLOSED_REQUEST if isinstance(error, CancelledError) else 500
            raise
        finally:
            route = scope.get("route")
            endpoint = _UNMATCHED if route is None else route.path
            method = scope["method"]
            self._telemetry.finish(record, method if method in _METHODS else _OTHER_METHOD, endpoint, code)


def _header(headers: Any, name: bytes) -> bytes | None:
    for key, value in headers:
        if key == name:
            return bytes(value)
    return None
