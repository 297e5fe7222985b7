"""The gateway's own counters, beside those that every server has."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from servekit.telemetry.metrics import LATENCY_BUCKETS
from shop.gateway.domain.versions import OTHER

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.gateway.domain.versions import Versions

__all__ = ["OUTCOMES", "GatewayMetrics"]

OUTCOMES = {
    "ranking": ("impression", "click", "purchase"),
    "personalisation": ("impression", "click", "purchase"),
    "fraud": ("chargeback", "legitimate"),
}
"""What can become of each model's answers."""

_SCORE_BUCKETS = (
    *(-8.0, -4.0, -2.0, -1.5, -1.0, -0.75, -0.5, -0.25, 0.0),
    *(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
    *(1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 16.0),
)
"""Dense where probabilities lie, wide enough for a ranker's scores."""


_LEVEL = "3"
_CACHED = ("ranking", "personalisation")
_LOOK_UPS = ("hit", "miss", "stale", "bypass")
_REASONS = ("features_unavailable", "model_unavailable", "deadline")
_SHED = ("limit", "rate", "body")


class GatewayMetrics:
    """Counters whose labels are names of ours.

    Args:
        versions: those that are counted by their names.
        registry: where the metrics live; one registry takes them once.
    """

    def __init__(self, versions: Versions, registry: CollectorRegistry = REGISTRY) -> None:
        self.version = versions.label

        def counter(name: str, documentation: str, *labels: str) -> Counter:
            return Counter(f"serving_{name}", documentation, labels, registry=registry)

        self._cache = counter("cache_requests", "Look-ups of the inference cache.", "model", "result")
        self._degraded = counter("degraded", "Answers that a fallback gave.", "model", "version", "reason")
        self._feedback = counter("feedback", "What became of answers.", "model", "version", "outcome")
        self._shed = counter("shed", "Requests turned away.", "reason")
        self._asked = counter("key_requests", "Requests with a known key, by the name that it is given.", "key")
        self._rate_missed = counter(
            "key_rate_misses", "Times that the keys' rates, shared by all gateways, were not to be had."
        )
        self._score = Histogram(
            "serving_score",
            "The best score of each answer that a model computed; of fraud, the probability.",
            ["model", "version"],
            buckets=_SCORE_BUCKETS,
            registry=registry,
        )
        # A new version has nothing in the cache, so what versions computed is compared, not what they answered.
        self._computed = Histogram(
            "serving_computed_duration_seconds",
            "From the request's first byte read to what the model computed for it; no answer from the cache.",
            ["level", "model", "version"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._limit = Gauge("serving_concurrency_limit", "Requests that are let in at once.", registry=registry)
        for model in _CACHED:
            for result in _LOOK_UPS:
                self._cache.labels(model, result)
        for reason in _SHED:
            self._shed.labels(reason)
        # labels() costs more than inc(): the few combinations there are keep their child
        self._inc_of: dict[tuple[str, ...], Callable[[], None]] = {}
        self._observe_of: dict[tuple[str, str], tuple[Callable[[float], None], Callable[[float], None]]] = {}

    def expect(self, version: str) -> None:
        """Shows as 0 what will be counted of a version, before there is any (see `RequestMetrics`)."""
        for model, outcomes in OUTCOMES.items():
            for reason in _REASONS:
                self._degraded.labels(model, version, reason)
            for outcome in outcomes:
                self._feedback.labels(model, version, outcome)
            if version not in {"", OTHER}:
                self._score.labels(model, version)
                self._computed.labels(_LEVEL, model, version)

    def cached(self, model: str, result: str) -> None:
        """Counts a look-up: ``hit``, ``miss``, ``stale`` or ``bypass``."""
        self._inc(self._cache, model, result)

    def degraded(self, model: str, version: str, reason: str) -> None:
        """Counts an answer from a fallback."""
        self._inc(self._degraded, model, self.version(version), reason)

    def feedback(self, model: str, version: str, outcome: str) -> None:
        """Counts an outcome that a caller reported."""
        self._inc(self._feedback, model, self.version(version), outcome)

    def shed(self, reason: str) -> None:
        """Counts a request turned away: ``limit``, ``rate`` or ``body``."""
        self._inc(self._shed, reason)

    def asked(self, key: str) -> None:
        """Counts a request, by the name of its key."""
        self._inc(self._asked, key)

    def rate_missed(self) -> None:
        """Counts that this gateway counts keys by itself, for a second."""
        self._rate_missed.inc()

    def computed(self, model: str, version: str, score: float, since_ns: int) -> None:
        """Counts what a model computed: its best score, and the time since `perf_counter_ns` was ``since_ns``."""
        observe = self._observe_of.get((model, version))
        if observe is None:
            children = self._score.labels(model, version).observe, self._computed.labels(_LEVEL, model, version).observe
            observe = self._observe_of[model, version] = children
        observe[0](score)
        observe[1]((perf_counter_ns() - since_ns) / 1e9)

    def limit(self, limit: float) -> None:
        """Sets the gauge of the concurrency limit."""
        self._limit.set(limit)

    def _inc(self, counter: Counter, *labels: str) -> None:
        inc = self._inc_of.get(labels)
        if inc is None:
            inc = self._inc_of[labels] = counter.labels(*labels).inc
        inc()
