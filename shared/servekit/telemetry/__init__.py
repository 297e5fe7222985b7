"""Metrics, logs and traces of every request, from one middleware.

A server builds one `Telemetry` at start-up, wraps its application in `TelemetryMiddleware` (HTTP) and passes
`TelemetryInterceptor` to its gRPC server. A handler names the model it used and ends each of its steps::

    record = request_record(scope)
    flower = decode(body)
    record.mark("decode")
    answer = model.run(flower)
    record.mark("infer")
    record.model, record.version = "iris", "1"

Everything else — histograms, the log event, the span with a child for each step — follows from that record when the
request ends.
"""

from servekit.telemetry.core import Telemetry
from servekit.telemetry.logs import configure_logging
from servekit.telemetry.middleware import TelemetryMiddleware, request_record
from servekit.telemetry.record import RequestRecord
from servekit.telemetry.settings import TelemetrySettings

__all__ = [
    "RequestRecord",
    "Telemetry",
    "TelemetryMiddleware",
    "TelemetrySettings",
    "configure_logging",
    "request_record",
]
