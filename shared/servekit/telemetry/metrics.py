"""The Prometheus metrics every server exposes, under the same names."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import Metric

    from servekit.telemetry.record import RequestRecord

__all__ = ["LATENCY_BUCKETS", "RequestMetrics", "render"]

_log = logging.getLogger(__name__)
_unreadable: set[str] = set()

disable_created_metrics()  # type: ignore[no-untyped-call]  # a timestamp series for every child: half the scrape, for nothing here

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds; dense where the SLAs lie (10 to 100 ms), so their quantiles are read without much interpolation."""

_RESULTS = _ANSWERED, _FAILED = "answered", "failed"
_SERVER_FAILURE = 500


class RequestMetrics:
    """Requests and their duration by endpoint, model and version; requests in flight; duration by step.

    A rate needs two samples of a series, so the burst that creates a series is never seen. Therefore a server declares
    at its start what it will count (`expect`, `expect_steps`), and Prometheus scrapes a 0 before the first event.

    Args:
        level: the constant ``level`` label.
        registry: where the metrics live; one registry takes them once.
    """

    def __init__(self, level: str, registry: CollectorRegistry = REGISTRY) -> None:
        self._level = level
        self._duration = Histogram(
            "serving_request_duration_seconds",
            "From the request's first byte read to its last byte sent.",
            ["level", "endpoint", "model", "version", "code"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        # by code the first failure would begin a series; alerts divide these two, which every request finds there
        self._requests = Counter(
            "serving_requests",
            "Requests that have ended: failed (5xx), or answered, which a refusal (4xx) is as well.",
            ["level", "endpoint", "model", "version", "result"],
            registry=registry,
        )
        self._steps = Histogram(
            "serving_step_duration_seconds",
            "One step inside a request.",
            ["level", "step"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._add_gauges(partial(_gauge, registry), level)
        # labels() costs more than observe(): the few combinations there are keep their child.
        self._children_of: dict[tuple[str, str, str, int], tuple[Histogram, Counter]] = {}
        self._step_of: dict[str, Histogram] = {}

    def _add_gauges(self, gauge: Callable[[str, str, list[str], str], Gauge], level: str) -> None:
        self.in_flight = gauge("serving_requests_in_flight", "Requests being answered now.", [], "livesum").labels(
            level
        )
        self._models = gauge(
            "serving_model_info",
            "1 for each artefact that is loaded, 0 for one that was replaced.",
            ["model", "version", "sha256"],
            "max",
        )
        self._audit_waiting = gauge(
            "serving_audit_waiting_bytes",
            "Lines of the audit log that the disk has refused so far; 0 while it takes them.",
            [],
            "livesum",
        )
        # a writer's name is worker-N: its labels are as many as there are processes
        self._audit_lines = gauge(
            "serving_audit_lines", "Lines of each writer's audit log that are on the disk.", ["writer"], "mostrecent"
        )
        self._audit_head = gauge(
            "serving_audit_head",
            "The first 48 bits of the hash of the last of these lines: an anchor for the verifier.",
            ["writer"],
            "mostrecent",
        )

    def loaded(self, model: str, version: str, sha256: str) -> None:
        """Declares the model version that is served."""
        self._models.labels(self._level, model, version, sha256).set(1)

    def replaced(self, model: str, version: str, old_sha256: str, sha256: str) -> None:
        """Declares that another artefact is served as that version."""
        self.gone(model, version, old_sha256)
        self.loaded(model, version, sha256)

    def gone(self, model: str, version: str, sha256: str) -> None:
        """Declares that an artefact is served no more; 0 because workers' files cannot lose a series."""
        self._models.labels(self._level, model, version, sha256).set(0)

    def expect(self, endpoint: str, model: str = "", version: str = "", *, timed: bool = False) -> None:
        """Starts the counters of an endpoint's requests at 0.

        Args:
            endpoint: the route's template.
            model: the model; empty for requests that name none, or are refused before it is known.
            version: its version; empty as well in that case.
            timed: whether to start the duration of answers with 200, too: one series for each bucket.
        """
        for result in _RESULTS:
            self._requests.labels(self._level, endpoint, model, version, result)
        if timed:
            self._duration.labels(self._level, endpoint, model, version, "200")

    def expect_steps(self, *steps: str) -> None:
        """Starts the counters of steps at 0."""
        for step in steps:
            self._step(step)

    def audit_waiting(self, size: int) -> None:
        """Sets the number of bytes of the audit log that wait for a disk that refused them."""
        self._audit_waiting.labels(self._level).set(size)

    def audit_head(self, writer: str, seq: int, mark: str) -> None:
        """Sets the number of lines that ``writer`` has on the disk, and the hash of the last."""
        self._audit_lines.labels(self._level, writer).set(seq)
        # 48 of its 256 bits: a sample is a double, which holds 53 exactly; as a label, each line would be a series
        self._audit_head.labels(self._level, writer).set(int(mark[:12], 16))

    def observe(self, record: RequestRecord, endpoint: str, code: int, duration_s: float) -> None:
        """Counts a request that has ended, and its steps."""
        key = (endpoint, record.model, record.version, code)
        children = self._children_of.get(key)
        if children is None:
            children = self._children_of[key] = self._children(*key)
        duration, requests = children
        duration.observe(duration_s)
        requests.inc()
        at = record.started_ns
        for step, end in record.marks:
            self._step(step).observe((end - at) / 1e9)
            at = end

    def _children(self, endpoint: str, model: str, version: str, code: int) -> tuple[Histogram, Counter]:
        self.expect(endpoint, model, version)
        about = (self._level, endpoint, model, version)
        result = _FAILED if code >= _SERVER_FAILURE else _ANSWERED
        return self._duration.labels(*about, str(code)), self._requests.labels(*about, result)

    def _step(self, step: str) -> Histogram:
        child = self._step_of.get(step)
        if child is None:
            child = self._step_of[step] = self._steps.labels(self._level, step)
        return child


def render(registry: CollectorRegistry = REGISTRY, collectors: Iterable[Collector] = ()) -> bytes:
    """The exposition text; of all worker processes together where ``PROMETHEUS_MULTIPROC_DIR`` is set.

    The files that the workers share hold counters and gauges but no collectors: those are asked here.
    """
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        registry.register(_WorkerFiles(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        for collector in collectors:
            registry.register(collector)
    return generate_latest(registry)


class _WorkerFiles(Collector):
    """The metrics that the workers wrote to their folder; a file that cannot be read is left out and logged once.

    A worker that is killed while it creates its file leaves an empty one behind for good.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in Path(self._folder).glob("*.db")]
        try:
            return _merged(files)
        except Exception:  # noqa: BLE001 - a damaged file fails in many ways
            return _merged(list(filter(_readable, files)))


def _gauge(
    registry: CollectorRegistry, name: str, what: str, labels: list[str], mode: Literal["livesum", "max", "mostrecent"]
) -> Gauge:
    """A gauge that has the level as its first label; ``mode`` says how several workers' values become one."""
    return Gauge(name, what, ["level", *labels], multiprocess_mode=mode, registry=registry)


def _merged(files: list[str]) -> Iterable[Metric]:
    merged: Iterable[Metric] = MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
    return merged


def _readable(file: str) -> bool:
    try:
        _merged([file])
    except Exception as error:  # noqa: BLE001 - as above
        if file not in _unreadable:
            _unreadable.add(file)
            _log.warning("metrics of a worker are left out: %s cannot be read: %s", file, error)
        return False
    return True
