"""The metrics of Seldon's executor, under its names, with its labels and buckets.

The executor's ``…_summary`` series also carry quantiles; those of Prometheus' Python client have only count and sum.
Buckets are written ``le="1.0"`` here and ``le="1"`` there: a selector on ``le`` finds one of them alone. The executor
does not count a call without an answer; here it counts under the code of the router's own answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, Summary

if TYPE_CHECKING:
    from graph_router.domain.graph import Deployment, Predictor, Unit

__all__ = ["ExecutorMetrics"]

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_SERVER = ("deployment_name", "predictor_name", "predictor_version", "service", "method", "code")
_CLIENT = (*_SERVER[:4], "model_name", "model_image", "model_version", "method", "code")
_Key = tuple[str, ...]
_FAILURES = ("500", "502", "503", "504")


class ExecutorMetrics:
    """The router's metrics of one deployment."""

    def __init__(self, deployment: Deployment, registry: CollectorRegistry = REGISTRY) -> None:
        self._deployment = deployment.name
        server, client = "seldon_api_executor_server_requests_seconds", "seldon_api_executor_client_requests_seconds"
        self._server = (
            Histogram(server, "Requests of clients.", _SERVER, buckets=_BUCKETS, registry=registry),
            Summary(f"{server}_summary", "Requests of clients.", _SERVER, registry=registry),
        )
        self._client = (
            Histogram(client, "Calls of the graph's units.", _CLIENT, buckets=_BUCKETS, registry=registry),
            Summary(f"{client}_summary", "Calls of the graph's units.", _CLIENT, registry=registry),
        )
        self._mirrored = Counter(
            "seldon_router_shadow_requests", "Copies of requests, by what became of them.",
            ("deployment_name", "predictor_name", "result"), registry=registry,
        )  # fmt: skip
        # labels() costs more than observe(): the few combinations there are keep their children
        self._children: dict[_Key, tuple[Histogram, Summary]] = {}

    def expect_served(self, predictor: Predictor, service: str) -> None:
        """Starts the counters of clients' requests, answered and failed, at 0 (see `RequestMetrics.expect`)."""
        about = (self._deployment, predictor.name, predictor.version, service)
        for code in ("200", *_FAILURES):
            self._children_of(self._server, (*about, "post", code))

    def expect_called(self, predictor: Predictor, unit: Unit, service: str, method: str) -> None:
        """Starts the counters of a unit's calls at 0."""
        about = (self._deployment, predictor.name, predictor.version, service, unit.name, unit.image, unit.version)
        for code in ("OK" if method == "unary" else "200", *_FAILURES):
            self._children_of(self._client, (*about, method, code))

    def expect_mirrored(self, predictor: Predictor, *results: str) -> None:
        """Starts the counters of a shadow's copies at 0."""
        for result in results:
            self._mirrored.labels(self._deployment, predictor.name, result)

    def served(self, predictor: Predictor, labels: tuple[str, str, str], duration_s: float) -> None:
        """Counts an answered request of a client; ``labels`` are service, method and code."""
        self._observe(self._server, (self._deployment, predictor.name, predictor.version, *labels), duration_s)

    def called(self, predictor: Predictor, unit: Unit, labels: tuple[str, str, str], duration_s: float) -> None:
        """Counts a call of a unit, answered or not; ``labels`` are service, method and code."""
        service, method, code = labels
        about = (self._deployment, predictor.name, predictor.version, service)
        self._observe(self._client, (*about, unit.name, unit.image, unit.version, method, code), duration_s)

    def mirrored(self, predictor: Predictor, result: str) -> None:
        """Counts a copy of a request as ``answered``, ``failed``, or ``dropped`` because too many were in flight."""
        self._mirrored.labels(self._deployment, predictor.name, result).inc()

    def _observe(self, pair: tuple[Histogram, Summary], key: _Key, duration_s: float) -> None:
        for child in self._children_of(pair, key):
            child.observe(duration_s)

    def _children_of(self, pair: tuple[Histogram, Summary], key: _Key) -> tuple[Histogram, Summary]:
        children = self._children.get(key)
        if children is None:
            histogram, summary = pair
            children = self._children[key] = (histogram.labels(*key), summary.labels(*key))
        return children
