"""The object that observes each request from its beginning to its end."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry

from servekit.telemetry.logs import RequestLog
from servekit.telemetry.metrics import RequestMetrics, render
from servekit.telemetry.record import RequestRecord
from servekit.telemetry.traces import span_log

if TYPE_CHECKING:
    from opentelemetry.util.types import Attributes
    from prometheus_client.registry import Collector

    from servekit.telemetry.settings import TelemetrySettings

__all__ = ["Telemetry"]

_SERVER_FAILURE = 500


class Telemetry:
    """Metrics, request log and traces of one service.

    Args:
        service: the service's name in logs and traces.
        level: the ``level`` label of its metrics.
        settings: the destination of traces, and which of them are kept.
        registry: where the metrics live.
        quiet: endpoints that leave no log event (probes and scrapes would drown the rest); they are still measured.
        log_descriptor: where request events are written.
    """

    def __init__(  # noqa: PLR0913 - the composition root sets each once
        self,
        service: str,
        level: str,
        settings: TelemetrySettings,
        *,
        registry: CollectorRegistry = REGISTRY,
        quiet: frozenset[str] = frozenset(),
        log_descriptor: int = 1,
    ) -> None:
        self.metrics = RequestMetrics(level, registry)
        self._registry = registry
        self._collectors: list[Collector] = []
        self._trace_ratio = settings.trace_ratio
        self._quiet = quiet
        self._log = RequestLog(service, log_descriptor)
        self._spans = span_log(service, settings)
        self._slow_ns = int(settings.slow_ms * 1e6)

    def begin(self, traceparent: bytes | None) -> RequestRecord:
        """Starts the clock of a request; ``traceparent`` is the caller's header, if it sent one."""
        self.metrics.in_flight.inc()
        return RequestRecord(traceparent, self._trace_ratio)

    def finish(self, record: RequestRecord, method: str, endpoint: str, code: int) -> None:
        """Ends a request: counts it, logs it, and keeps its trace if sampled, slow or failed.

        Args:
            record: the record from `begin`.
            method: HTTP method, or ``gRPC``.
            endpoint: the route's template, never the raw path.
            code: HTTP status, or its equivalent for gRPC.
        """
        duration_ns = perf_counter_ns() - record.started_ns
        self.metrics.in_flight.dec()
        self.metrics.observe(record, endpoint, code, duration_ns / 1e9)
        if endpoint in self._quiet:
            return
        self._log.write(record, method, endpoint, code, duration_ns)
        self._log.flush_soon()
        failed = code >= _SERVER_FAILURE
        if self._spans and (record.sampled or failed or duration_ns >= self._slow_ns):
            attributes: Attributes = {
                "http.request.method": method,
                "http.route": endpoint,
                "http.response.status_code": code,
                "serving.model": record.model,
                "serving.version": record.version,
            }
            self._spans.write(record, f"{method} {endpoint}", attributes, duration_ns, failed=failed)

    def register(self, collector: Collector) -> None:
        """Adds metrics that are computed when they are scraped."""
        self._collectors.append(collector)
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """The text of ``/metrics``."""
        return render(self._registry, self._collectors)

    def shutdown(self) -> None:
        """Writes buffered log lines and spans."""
        self._log.flush()
        if self._spans:
            self._spans.shutdown()
