from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from servekit.telemetry.metrics import LATENCY_BUCKETS, RequestMetrics, render
from servekit.telemetry.record import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client import Metric

    from tests.unit.servekit.telemetry.conftest import MakeWatch

WORKER = """
import sys
from prometheus_client import CollectorRegistry
from servekit.telemetry.metrics import RequestMetrics
from servekit.telemetry.record import RequestRecord

metrics = RequestMetrics("7", CollectorRegistry())
metrics.loaded("iris", "1", "abc")
metrics.expect("/predict", "iris", "1")
metrics.audit_head("worker-0", int(sys.argv[1]), sys.argv[1] + 63 * "f")
for _ in range(int(sys.argv[1])):
    record = RequestRecord(None, 0)
    record.model, record.version = "iris", "1"
    record.mark("infer")
    metrics.in_flight.inc()
    metrics.observe(record, "/predict", 200, 0.02)
"""


class Drift(Collector):
    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("serving_drift_psi", "Computed when scraped.", value=0.25)


def value(text: bytes, name: str, **labels: str) -> float:
    (found,) = (
        sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
    return found


def ended(*steps: tuple[str, int]) -> RequestRecord:
    """A record whose steps took these microseconds."""
    record = RequestRecord(None, 0)
    record.model, record.version = "iris", "1"
    at = record.started_ns
    for step, microseconds in steps:
        at += microseconds * 1000
        record.marks.append((step, at))
    return record


def test_each_step_counts_from_the_end_of_the_one_before() -> None:
    registry = CollectorRegistry()
    RequestMetrics("7", registry).observe(
        ended(("decode", 200), ("infer", 30_000), ("encode", 600)), "/predict", 200, 0.05
    )
    text = render(registry)
    assert value(text, "serving_request_duration_seconds_sum", endpoint="/predict", code="200") == pytest.approx(0.05)
    for step, seconds in (("decode", 0.0002), ("infer", 0.03), ("encode", 0.0006)):
        assert value(text, "serving_step_duration_seconds_sum", step=step) == pytest.approx(seconds)
        assert value(text, "serving_step_duration_seconds_count", step=step, level="7") == 1


def test_a_step_that_occurs_twice_is_counted_twice() -> None:
    registry = CollectorRegistry()
    RequestMetrics("7", registry).observe(ended(("fetch", 100), ("fetch", 300)), "/predict", 200, 0.001)
    text = render(registry)
    assert value(text, "serving_step_duration_seconds_count", step="fetch") == 2
    assert value(text, "serving_step_duration_seconds_sum", step="fetch") == pytest.approx(0.0004)


@pytest.mark.parametrize("seconds", [0.0001, 0.0005, 0.03, 2.5, 60])
def test_a_duration_falls_into_the_first_bucket_that_holds_it(seconds: float) -> None:
    registry = CollectorRegistry()
    RequestMetrics("7", registry).observe(ended(), "/predict", 200, seconds)
    text = render(registry)
    for bound in LATENCY_BUCKETS:
        counted = value(text, "serving_request_duration_seconds_bucket", le=str(bound))
        assert counted == (seconds <= bound)
    assert value(text, "serving_request_duration_seconds_bucket", le="+Inf") == 1


def test_requests_of_another_model_version_or_code_are_counted_apart() -> None:
    registry = CollectorRegistry()
    metrics = RequestMetrics("7", registry)
    canary = ended()
    canary.version = "2"
    for record, code in ((ended(), 200), (ended(), 200), (ended(), 422), (canary, 200)):
        metrics.observe(record, "/predict", code, 0.001)
    text = render(registry)
    name = "serving_request_duration_seconds_count"
    assert value(text, name, version="1", code="200") == 2
    assert value(text, name, version="1", code="422") == 1
    assert value(text, name, version="2", code="200") == 1


def test_a_request_failed_when_it_was_answered_5xx_and_a_refusal_is_an_answer() -> None:
    registry = CollectorRegistry()
    metrics = RequestMetrics("7", registry)
    for code in (200, 422, 429, 499, 500, 503):
        metrics.observe(ended(), "/predict", code, 0.001)
    about = {"level": "7", "endpoint": "/predict", "model": "iris", "version": "1"}
    assert value(render(registry), "serving_requests_total", result="answered", **about) == 4
    assert value(render(registry), "serving_requests_total", result="failed", **about) == 2


def test_what_is_expected_is_shown_as_0_before_its_first_event() -> None:
    registry = CollectorRegistry()
    metrics = RequestMetrics("7", registry)
    metrics.expect("/docs")
    metrics.expect("/predict", "iris", "1", timed=True)
    metrics.expect_steps("infer")
    text = render(registry)
    for result in ("answered", "failed"):
        assert value(text, "serving_requests_total", endpoint="/docs", model="", result=result) == 0
        assert value(text, "serving_requests_total", endpoint="/predict", model="iris", version="1", result=result) == 0
    assert value(text, "serving_request_duration_seconds_count", endpoint="/predict", code="200") == 0
    assert value(text, "serving_step_duration_seconds_count", step="infer") == 0


def test_the_first_request_of_what_nobody_expected_has_a_failed_series_beside_it() -> None:
    registry = CollectorRegistry()
    RequestMetrics("7", registry).observe(ended(), "/predict", 200, 0.001)
    assert value(render(registry), "serving_requests_total", result="failed") == 0


def test_the_loaded_model_is_named_with_its_digest() -> None:
    registry = CollectorRegistry()
    RequestMetrics("7", registry).loaded("iris", "1", "abc")
    assert value(render(registry), "serving_model_info", level="7", model="iris", version="1", sha256="abc") == 1


def test_the_exposition_has_no_creation_times() -> None:
    registry = CollectorRegistry()
    RequestMetrics("7", registry).observe(ended(("infer", 1)), "/predict", 200, 0.001)
    assert b"_created" not in render(registry)


async def test_in_flight_counts_up_and_down(make_watch: MakeWatch) -> None:
    watch = make_watch()
    first, second = watch.telemetry.begin(None), watch.telemetry.begin(None)
    assert value(watch.telemetry.exposition(), "serving_requests_in_flight", level="7") == 2
    for record in (first, second):
        watch.telemetry.finish(record, "GET", "/", 200)
    assert value(watch.telemetry.exposition(), "serving_requests_in_flight", level="7") == 0


def test_a_registered_collector_is_asked_at_each_scrape(
    make_watch: MakeWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = make_watch()
    watch.telemetry.register(Drift())
    assert value(watch.telemetry.exposition(), "serving_drift_psi") == 0.25
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert value(watch.telemetry.exposition(), "serving_drift_psi") == 0.25


def test_the_metrics_of_several_processes_add_up(tmp_path: Path) -> None:
    shared = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    for requests in (3, 4):
        subprocess.run([sys.executable, "-c", WORKER, str(requests)], env=shared, check=True, timeout=60)
    broken = ("counter_77.db", "gauge_livesum_78.db", "histogram_79.db")
    (tmp_path / broken[0]).touch()  # of a worker that was killed before it had written anything
    (tmp_path / broken[1]).mkdir()
    (tmp_path / broken[2]).write_bytes(b"\xff\0\0\0\0\0\0\0\xf0\0\0\0broken")
    scrape = "import sys; from servekit.telemetry.metrics import render; render(); sys.stdout.buffer.write(render())"
    done = subprocess.run([sys.executable, "-c", scrape], env=shared, check=True, timeout=60, capture_output=True)
    text = done.stdout
    labels = {"level": "7", "endpoint": "/predict", "model": "iris", "version": "1", "code": "200"}
    assert value(text, "serving_request_duration_seconds_count", **labels) == 7
    assert value(text, "serving_request_duration_seconds_sum", **labels) == pytest.approx(0.14)
    assert value(text, "serving_requests_total", endpoint="/predict", result="answered") == 7
    assert value(text, "serving_requests_total", endpoint="/predict", result="failed") == 0
    assert value(text, "serving_step_duration_seconds_count", step="infer") == 7
    assert value(text, "serving_requests_in_flight") == 7
    assert value(text, "serving_model_info", model="iris") == 1
    # a writer's log goes on under the next process: the sum of both would be nobody's head
    assert value(text, "serving_audit_lines", level="7", writer="worker-0") == 4
    assert value(text, "serving_audit_head", level="7", writer="worker-0") == 0x4FFFFFFFFFFF
    said = sorted(line.partition(" cannot be read")[0] for line in done.stderr.decode().splitlines())
    assert said == [f"metrics of a worker are left out: {tmp_path}/{name}" for name in broken]
