"""Spans of kept requests, handed to OpenTelemetry's own batching and export.

The SDK's `start_span`/`end` cost tens of microseconds a span whether it is kept or not. Here a request carries only its
ids while it runs; the spans of the few that are kept are built after the answer has left (`adr-own-middleware.md`).
"""

from __future__ import annotations

import logging
import os
import threading
from errno import ENOSPC
from typing import TYPE_CHECKING, Any

import msgspec
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opentelemetry.util.types import Attributes

    from servekit.telemetry.record import RequestRecord
    from servekit.telemetry.settings import TelemetrySettings

__all__ = ["JsonLinesSpanExporter", "SpanLog", "span_log"]

_log = logging.getLogger(__name__)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SHUTDOWN_S = 2.0
_SCOPE = InstrumentationScope("servekit.telemetry")


class JsonLinesSpanExporter(SpanExporter):
    """Appends spans to a file, one JSON object a line: ids in hex, times in Unix nanoseconds."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._lost = 0
        self._torn = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Writes the batch in one call, so lines of several processes do not mix.

        Spans that the disk refuses are lost; that is logged once, and their number when the disk takes spans again.
        """
        lines = b"".join(msgspec.json.encode(_as_line(span)) + b"\n" for span in spans)
        try:
            self._write(lines)
        except OSError as error:
            if not self._lost:
                _log.error("trace file %s: %s: spans are lost until there is room", self._path, error.strerror or error)
            self._lost += len(spans)
            return SpanExportResult.FAILURE
        if self._lost:
            _log.warning("trace file %s: written again, %d spans were lost", self._path, self._lost)
            self._lost = 0
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write(self, lines: bytes) -> None:
        if self._torn:
            self._torn = self._file.write(b"\n") == 0
        written = self._file.write(lines)
        if written < len(lines):  # how a disk says that it is full from here on
            self._torn = written > 0
            raise OSError(ENOSPC, os.strerror(ENOSPC))


class SpanLog:
    """Turns the records of ended requests into spans: one for the request, one child for each step."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        self._resource = Resource({"service.name": service})
        self._exporter = exporter
        self._processor = BatchSpanProcessor(exporter)

    def write(  # noqa: PLR0913 - what a span is made of
        self,
        record: RequestRecord,
        name: str,
        attributes: Attributes,
        duration_ns: int,
        *,
        failed: bool,
        kind: SpanKind = SpanKind.SERVER,
    ) -> None:
        """Queues the request's spans; they are exported in the background, and dropped when the queue is full."""
        started = record.started_unix_ns
        context = _context(record.trace_id, record.span_id)
        parent = _context(record.trace_id, record.parent_id, remote=True) if record.parent_id else None
        status = Status(StatusCode.ERROR if failed else StatusCode.UNSET)
        at = started
        for number, (step, end) in enumerate(record.marks, 1):
            ended = started + end - record.started_ns
            child = _context(record.trace_id, (record.span_id + number) % 2**64 or 1)
            self._emit(name=step, context=child, parent=context, start_time=at, end_time=ended)
            at = ended
        self._emit(
            name=name,
            context=context,
            parent=parent,
            kind=kind,
            start_time=started,
            end_time=started + duration_ns,
            attributes=attributes,
            status=status,
        )

    def shutdown(self) -> None:
        """Exports what is queued and closes the exporter, within 2 s.

        The processor itself would wait half a minute for a collector that does not answer, longer than Kubernetes
        lets a process take to end.
        """
        closing = threading.Thread(target=self._processor.shutdown, daemon=True)
        closing.start()
        closing.join(_SHUTDOWN_S)
        if closing.is_alive():
            _log.warning("spans are lost: the collector did not take them within %g s", _SHUTDOWN_S)
            self._exporter.shutdown()

    def _emit(self, **fields: Any) -> None:
        span = ReadableSpan(resource=self._resource, instrumentation_scope=_SCOPE, **fields)
        self._processor.on_end(span)


def span_log(service: str, settings: TelemetrySettings) -> SpanLog | None:
    """The span log of the settings: OTLP where a collector is named, else a file, else none."""
    if settings.otlp_endpoint:
        # requests and protobuf cost 0.2 s to import: only who exports pays
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        return SpanLog(service, OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"))
    if settings.trace_file:
        return SpanLog(service, JsonLinesSpanExporter(settings.trace_file))
    _log.info("traces are not kept: set OTEL_EXPORTER_OTLP_ENDPOINT or TELEMETRY_TRACE_FILE")
    return None


def _context(trace_id: int, span_id: int, *, remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=remote, trace_flags=_SAMPLED)


def _as_line(span: ReadableSpan) -> dict[str, object]:
    context, parent = span.get_span_context(), span.parent
    assert context is not None  # noqa: S101 - SpanLog always sets it
    return {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent_span_id": f"{parent.span_id:016x}" if parent else None,
        "service": span.resource.attributes["service.name"],
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start_unix_ns": span.start_time,
        "end_unix_ns": span.end_time,
        "status": span.status.status_code.name.lower(),
        "attributes": dict(span.attributes or {}),
    }
