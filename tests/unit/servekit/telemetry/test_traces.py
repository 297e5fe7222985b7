from __future__ import annotations

import resource
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext

from servekit.telemetry import TelemetrySettings
from servekit.telemetry.record import RequestRecord
from servekit.telemetry.traces import JsonLinesSpanExporter, span_log
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.servekit.telemetry.conftest import MakeWatch

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """A real OTLP/HTTP endpoint that keeps what it is sent; ``patience_s`` is how long it takes to answer."""

    def __init__(self, patience_s: float = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.daemon_threads = True
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []
        self.closing = threading.Event()
        self.patience_s = patience_s

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.closing.wait(self.server.patience_s)
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: pytest owns the output."""


@pytest.fixture(params=[0])
def collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    with Collector(request.param) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


def ended(traceparent: bytes | None = None) -> RequestRecord:
    """A request of three steps that took 1, 2 and 3 ms, with 1 ms after them."""
    record = RequestRecord(traceparent, 0)
    record.model, record.version = "iris", "1"
    for step, milliseconds in (("decode", 1), ("infer", 3), ("encode", 6)):
        record.marks.append((step, record.started_ns + milliseconds * 1_000_000))
    return record


def lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_a_request_is_a_server_span_with_a_child_for_each_step(tmp_path: Path) -> None:
    log = span_log("shop", TelemetrySettings(trace_file=tmp_path / "new" / "folder" / "spans"))
    assert log is not None
    record = ended()
    log.write(record, "POST /predict", {"http.route": "/predict"}, 7_000_000, failed=False)
    log.shutdown()
    *children, root = lines(tmp_path / "new" / "folder" / "spans")
    start = record.started_unix_ns
    assert root == {
        "trace_id": f"{record.trace_id:032x}",
        "span_id": f"{record.span_id:016x}",
        "parent_span_id": None,
        "service": "shop",
        "name": "POST /predict",
        "kind": "server",
        "start_unix_ns": start,
        "end_unix_ns": start + 7_000_000,
        "status": "unset",
        "attributes": {"http.route": "/predict"},
    }
    assert [(child["name"], child["kind"]) for child in children] == [
        ("decode", "internal"),
        ("infer", "internal"),
        ("encode", "internal"),
    ]
    edges = [((child["start_unix_ns"] - start) / 1e6, (child["end_unix_ns"] - start) / 1e6) for child in children]
    assert edges == [(0, 1), (1, 3), (3, 6)]
    assert {child["parent_span_id"] for child in children} == {root["span_id"]}
    assert {child["trace_id"] for child in children} == {root["trace_id"]}
    assert len({span["span_id"] for span in (root, *children)}) == 4


def test_a_caller_s_trace_is_continued(tmp_path: Path) -> None:
    log = span_log("shop", TelemetrySettings(trace_file=tmp_path / "spans"))
    assert log is not None
    log.write(ended(f"00-{TRACE}-{SPAN}-01".encode()), "POST /predict", {}, 7_000_000, failed=False)
    log.shutdown()
    root = lines(tmp_path / "spans")[-1]
    assert (root["trace_id"], root["parent_span_id"]) == (TRACE, SPAN)


def test_a_second_process_appends_to_the_file(tmp_path: Path) -> None:
    for _ in range(2):
        log = span_log("shop", TelemetrySettings(trace_file=tmp_path / "spans"))
        assert log is not None
        log.write(ended(), "POST /predict", {}, 7_000_000, failed=True)
        log.shutdown()
    spans = lines(tmp_path / "spans")
    assert len(spans) == 8
    assert [span["status"] for span in spans if span["kind"] == "server"] == ["error", "error"]


def test_span_ids_stay_within_64_bits(tmp_path: Path) -> None:
    log = span_log("shop", TelemetrySettings(trace_file=tmp_path / "spans"))
    assert log is not None
    record = ended()
    record.span_id = 2**64 - 1
    log.write(record, "POST /predict", {}, 7_000_000, failed=False)
    log.shutdown()
    ids = [span["span_id"] for span in lines(tmp_path / "spans")]
    assert all(len(each) == 16 and int(each, 16) for each in ids)


@pytest.mark.parametrize(
    ("settings", "code", "traceparent", "kept"),
    [
        ({}, 200, None, False),
        ({}, 404, None, False),
        ({}, 200, f"00-{TRACE}-{SPAN}-00", False),
        ({"trace_ratio": 1}, 200, None, True),
        ({"trace_ratio": 1}, 200, f"00-{TRACE}-{SPAN}-00", False),
        ({}, 200, f"00-{TRACE}-{SPAN}-01", True),
        ({}, 500, None, True),
        ({}, 503, f"00-{TRACE}-{SPAN}-00", True),
        ({"slow_ms": 0.000_001}, 200, None, True),
        ({"slow_ms": 0.000_001}, 200, f"00-{TRACE}-{SPAN}-00", True),
    ],
)
async def test_sampled_slow_and_failed_requests_keep_their_trace_and_others_do_not(
    make_watch: MakeWatch,
    settings: dict[str, Any],
    code: int,
    traceparent: str | None,
    kept: bool,  # noqa: FBT001 - the parameter says what is expected
) -> None:
    watch = make_watch(**settings)
    record = watch.telemetry.begin(traceparent.encode() if traceparent else None)
    record.model, record.version = "iris", "1"
    watch.telemetry.finish(record, "POST", "/predict", code)
    _, spans = watch.close()
    assert bool(spans) == kept
    for span in spans:
        assert span["status"] == ("error" if code >= 500 else "unset")
        assert span["attributes"] == {
            "http.request.method": "POST",
            "http.route": "/predict",
            "http.response.status_code": code,
            "serving.model": "iris",
            "serving.version": "1",
        }


def test_a_collector_receives_the_spans_as_otlp(collector: Collector) -> None:
    log = span_log("shop", TelemetrySettings(otlp_endpoint=f"{collector.url}/"))
    assert log is not None
    record = ended(f"00-{TRACE}-{SPAN}-01".encode())
    log.write(record, "POST /predict", {"http.route": "/predict"}, 7_000_000, failed=True)
    log.shutdown()
    ((path, message),) = collector.received
    (resource,) = message.resource_spans
    (scope,) = resource.scope_spans
    *children, root = scope.spans
    assert path == "/v1/traces"
    assert {each.key: each.value.string_value for each in resource.resource.attributes} == {"service.name": "shop"}
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, SPAN)
    assert (root.name, root.kind, root.status.code) == (
        "POST /predict",
        root.SPAN_KIND_SERVER,
        root.status.STATUS_CODE_ERROR,
    )
    assert root.end_time_unix_nano - root.start_time_unix_nano == 7_000_000
    assert {each.key: each.value.string_value for each in root.attributes} == {"http.route": "/predict"}
    assert [child.name for child in children] == ["decode", "infer", "encode"]
    assert {child.parent_span_id for child in children} == {root.span_id}


@pytest.mark.parametrize("collector", [60], indirect=True)
def test_a_collector_that_does_not_answer_holds_the_process_up_for_seconds_at_most(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    log = span_log("shop", TelemetrySettings(otlp_endpoint=collector.url))
    assert log is not None
    log.write(ended(), "POST /predict", {}, 7_000_000, failed=False)
    started = time.monotonic()
    log.shutdown()
    assert time.monotonic() - started < 20  # the library itself would wait for 30 s
    assert "spans are lost: the collector did not take them within 2 s" in caplog.messages
    collector.closing.set()
    until(lambda: not otel_threads(), "rid of its threads")


def test_without_a_collector_and_a_file_no_trace_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert span_log("shop", TelemetrySettings(otlp_endpoint=None)) is None
    assert caplog.messages == ["traces are not kept: set OTEL_EXPORTER_OTLP_ENDPOINT or TELEMETRY_TRACE_FILE"]


def test_a_shut_down_log_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = otel_threads()
    log = span_log("shop", TelemetrySettings(trace_file=tmp_path / "spans"))
    assert log is not None
    assert otel_threads() > before
    log.shutdown()
    assert otel_threads() <= before


def otel_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "Otel" in thread.name}


def test_a_trace_file_that_is_full_is_said_once_and_goes_on_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "spans.jsonl"
    exporter = JsonLinesSpanExporter(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        refused = [exporter.export([a_span(), a_span()]), exporter.export([a_span()])]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refused == [SpanExportResult.FAILURE] * 2
    assert exporter.export([a_span()]) == SpanExportResult.SUCCESS
    exporter.shutdown()
    assert [entry.getMessage().replace("File too large", "No space left on device") for entry in caplog.records] == [
        f"trace file {path}: No space left on device: spans are lost until there is room",
        f"trace file {path}: written again, 3 spans were lost",
    ]
    torn, whole = path.read_bytes().splitlines()
    assert len(torn) == 100
    assert msgspec.json.decode(whole)["name"] == "infer"


def a_span() -> ReadableSpan:
    context = SpanContext(1, 2, is_remote=False)
    return ReadableSpan("infer", context, resource=Resource({"service.name": "shop"}))
