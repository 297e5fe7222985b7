"""ECS JSON logs: the service's own lines through `logging`, and one event for each request.

Both have the fields of the Elastic Common Schema, one JSON object a line. Bodies, features and headers never
reach a log.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ecs_logging
import msgspec

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle

    from servekit.telemetry.record import RequestRecord

__all__ = ["RequestLog", "configure_logging"]

_FLUSH_AFTER_S = 0.2
_FLUSH_BYTES = 64 * 1024


class _Event(msgspec.Struct, rename={
    "timestamp": "@timestamp", "level": "log.level", "ecs": "ecs.version", "service": "service.name",
    "dataset": "event.dataset", "duration": "event.duration", "method": "http.request.method",
    "status": "http.response.status_code", "route": "http.route", "trace": "trace.id", "span": "span.id",
    "model": "labels.model", "version": "labels.version",
}):  # fmt: skip
    timestamp: str
    level: str
    message: str
    service: str
    method: str
    route: str
    status: int
    duration: int
    trace: str
    span: str
    model: str
    version: str
    dataset: str = "serving.request"
    ecs: str = "8.11.0"


class RequestLog:
    """Writes one event per request to a file descriptor, in batches.

    A batch leaves after 0.2 s or 64 kB, and at `flush`: a request costs an encode and an append, not a system call.

    Args:
        service: the service's name.
        descriptor: where the lines go; the default is standard output.
    """

    def __init__(self, service: str, descriptor: int = 1) -> None:
        self._service = service
        self._descriptor = descriptor
        self._buffer = bytearray()
        self._encoder = msgspec.json.Encoder()
        self._timer: TimerHandle | None = None

    def write(self, record: RequestRecord, method: str, route: str, code: int, duration_ns: int) -> None:
        """Appends the event of a request that has ended; ``duration_ns`` is ECS's ``event.duration``."""
        event = _Event(
            timestamp=datetime.fromtimestamp(record.started_unix_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
            level="error" if code >= 500 else "info",  # noqa: PLR2004 - 5xx is the server's own failure
            message=f"{method} {route} {code}",
            service=self._service,
            method=method,
            route=route,
            status=code,
            duration=duration_ns,
            trace=f"{record.trace_id:032x}",
            span=f"{record.span_id:016x}",
            model=record.model,
            version=record.version,
        )
        self._buffer += self._encoder.encode(event) + b"\n"
        if len(self._buffer) >= _FLUSH_BYTES:
            self.flush()

    def flush_soon(self, loop: AbstractEventLoop) -> None:
        """Sees to it that what is buffered leaves within 0.2 s."""
        if self._timer is None:
            self._timer = loop.call_later(_FLUSH_AFTER_S, self.flush)

    def flush(self) -> None:
        """Writes out what is buffered."""
        self._timer = None
        pending = memoryview(bytes(self._buffer))
        self._buffer.clear()
        while pending:
            pending = pending[os.write(self._descriptor, pending) :]


def configure_logging(service: str, level: str = "INFO") -> None:
    """Sends every logger of the process to standard output as ECS JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(ecs_logging.StdlibFormatter(extra={"service": {"name": service}}))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and stop lines repeat the service's own
