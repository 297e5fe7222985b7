"""ECS JSON logs: the service's own lines through `logging`, and one event for each request.

Both have the fields of the Elastic Common Schema, one JSON object a line. Bodies, features and headers never
reach a log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ecs_logging
import msgspec

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from servekit.telemetry.record import RequestRecord

__all__ = ["RequestLog", "configure_logging"]

_FLUSH_AFTER_S = 0.2
_FLUSH_BYTES = 64 * 1024
_LINE = b'{"@timestamp":"%b.%03d+00:00",%b,"event.duration":%d,"trace.id":"%032x","span.id":"%016x"}\n'


class _Repeated(msgspec.Struct, rename={
    "level": "log.level", "ecs": "ecs.version", "service": "service.name", "dataset": "event.dataset",
    "method": "http.request.method", "status": "http.response.status_code", "route": "http.route",
    "model": "labels.model", "version": "labels.version",
}):  # fmt: skip
    """The part that the events of one route, code and model version share."""

    level: str
    message: str
    service: str
    method: str
    route: str
    status: int
    model: str
    version: str
    dataset: str = "serving.request"
    ecs: str = "8.11.0"


class RequestLog:
    """Writes one event per request to a file descriptor, in batches.

    A batch leaves after 0.2 s or 64 kB, and at `flush`: a request costs a line and an append, not a system call.
    What cannot be written (the reader is gone, the disk is full) is dropped: no request fails for its log line.

    Args:
        service: the service's name.
        descriptor: where the lines go; the default is standard output.
    """

    def __init__(self, service: str, descriptor: int = 1) -> None:
        self._service = service
        self._descriptor = descriptor
        self._buffer = bytearray()
        self._timer: TimerHandle | None = None
        # Most of an event repeats: it is encoded once for each of the few combinations there are.
        self._repeated_of: dict[tuple[str, str, int, str, str], bytes] = {}
        self._second = 0
        self._date_time = b""

    def write(self, record: RequestRecord, method: str, route: str, code: int, duration_ns: int) -> None:
        """Appends the event of a request that has ended; ``duration_ns`` is ECS's ``event.duration``."""
        key = (method, route, code, record.model, record.version)
        repeated = self._repeated_of.get(key)
        if repeated is None:
            repeated = self._repeated_of[key] = self._encode(*key)
        second, milliseconds = divmod(record.started_unix_ns // 1_000_000, 1000)
        if second != self._second:
            self._second = second
            self._date_time = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        self._buffer += _LINE % (
            self._date_time,
            milliseconds,
            repeated,
            duration_ns,
            record.trace_id,
            record.span_id,
        )
        if len(self._buffer) >= _FLUSH_BYTES:
            self.flush()

    def flush_soon(self) -> None:
        """Schedules a write of the buffered lines within 0.2 s; called on the event loop."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self.flush)

    def flush(self) -> None:
        """Writes the buffered lines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pending = memoryview(bytes(self._buffer))
        self._buffer.clear()
        with suppress(OSError):
            while pending:
                pending = pending[os.write(self._descriptor, pending) :]

    def _encode(self, method: str, route: str, code: int, model: str, version: str) -> bytes:
        level = "error" if code >= 500 else "info"  # noqa: PLR2004 - 5xx is the server's own failure
        message = f"{method} {route} {code}"
        event = _Repeated(level, message, self._service, method, route, code, model, version)
        return msgspec.json.encode(event)[1:-1]


def configure_logging(service: str, level: str = "INFO") -> None:
    """Sends every logger of the process to standard output as ECS JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(ecs_logging.StdlibFormatter(extra={"service": {"name": service}}))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and stop lines repeat the service's own
