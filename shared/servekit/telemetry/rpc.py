"""The gRPC interceptor that observes every call, as the middleware does for HTTP."""

from __future__ import annotations

from asyncio import CancelledError
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from servekit.telemetry.core import Telemetry
    from servekit.telemetry.record import RequestRecord

__all__ = ["TelemetryInterceptor", "call_record"]

_current: ContextVar[RequestRecord] = ContextVar("request_record")

_HTTP_OF = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.INVALID_ARGUMENT: 422,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.CANCELLED: 499,
}


def call_record() -> RequestRecord:
    """The record of the call being handled."""
    return _current.get()


class TelemetryInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc,unused-ignore]  # untyped base
    """Observes unary calls; gRPC codes are counted under the HTTP status that means the same."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Wraps the call's handler in a record."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        metadata = dict(handler_call_details.invocation_metadata)
        traceparent = str(metadata.get("traceparent", "")).encode() or None

        async def observed(request: Any, context: Any) -> Any:
            record = self._telemetry.begin(traceparent)
            _current.set(record)
            try:
                answer = await handler.unary_unary(request, context)
            except CancelledError:
                self._finish(record, handler_call_details.method, context, grpc.StatusCode.CANCELLED)
                raise
            except BaseException:
                self._finish(record, handler_call_details.method, context, grpc.StatusCode.UNKNOWN)
                raise
            self._finish(record, handler_call_details.method, context, grpc.StatusCode.OK)
            return answer

        return grpc.unary_unary_rpc_method_handler(
            observed,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _finish(self, record: RequestRecord, method: str, context: Any, otherwise: grpc.StatusCode) -> None:
        code = context.code() or otherwise
        if isinstance(code, int):
            code = next(known for known in grpc.StatusCode if known.value[0] == code)
        self._telemetry.finish(record, "gRPC", method, _HTTP_OF.get(code, 500))
