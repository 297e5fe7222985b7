"""The assistant's own metrics. Those of a request have the names that OpenTelemetry gives them for generative AI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from assistant.adapters.engine import Link

__all__ = ["ChatMetrics", "EngineCollector"]

_FIRST = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
_PER_TOKEN = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
_WHOLE = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0)
_REFUSALS = ("overloaded", "rate_limit_exceeded", "first_token_deadline")
_ENDS = ("stop", "length", "cancelled", "failed")


class ChatMetrics:
    """Durations and tokens of answers, refusals, and how answers ended.

    Args:
        registry: where the metrics live; one registry takes them once.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def histogram(name: str, documentation: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"gen_ai_server_{name}_seconds", documentation, buckets=buckets, registry=registry)

        self.first_token = histogram("time_to_first_token", "From the request's last byte to the first token.", _FIRST)
        self.per_token = histogram("time_per_output_token", "Mean time of each token after the first.", _PER_TOKEN)
        self.duration = histogram(
            "request_duration", "From the request's last byte to the answer's last token.", _WHOLE
        )
        self._tokens = Counter("assistant_tokens", "Tokens computed.", ["type"], registry=registry)
        self._shed = Counter("assistant_refused", "Requests turned away.", ["reason"], registry=registry)
        self._ended = Counter("assistant_answers", "Answers begun, by how they ended.", ["end"], registry=registry)
        self.reserved = Gauge("assistant_reserved_tokens", "Tokens that requests under way may use.", registry=registry)
        for reason in _REFUSALS:
            self._shed.labels(reason)
        for end in _ENDS:
            self._ended.labels(end)
        self.tokens(0, 0)

    def tokens(self, prompt: int, answer: int) -> None:
        """Counts tokens in and out."""
        self._tokens.labels("input").inc(prompt)
        self._tokens.labels("output").inc(answer)

    def refused(self, code: str) -> None:
        """Counts a refusal by its code."""
        if code in _REFUSALS:
            self._shed.labels(code).inc()

    def ended(self, end: str) -> None:
        """Counts an answer by its end: ``stop``, ``length``, ``cancelled`` or ``failed``."""
        self._ended.labels(end).inc()


class EngineCollector(Collector):
    """What the engine last reported, as metrics; nothing of it while there is no engine."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def collect(self) -> Iterable[Metric]:
        """The families, as Prometheus scrapes them."""
        report, hello = self._link.report, self._link.hello
        yield GaugeMetricFamily("assistant_engine_up", "1 while the engine answers.", value=float(hello is not None))
        if hello is None:
            return
        info = GaugeMetricFamily("assistant_model_info", "What runs.", labels=["engine", "sha256"])
        info.add_metric([hello.engine, hello.sha256], 1)
        yield info
        if report is None:
            return
        for name, documentation, value in (
            ("sequences_running", "Sequences that have begun to answer.", report.running),
            ("sequences_waiting", "Sequences without a first token.", report.waiting),
            ("kv_used_ratio", "Share of the KV cache that holds something.", report.kv_used),
            ("kv_bytes", "Memory of the KV cache.", report.kv_bytes),
            ("kv_capacity_tokens", "Tokens for which the KV cache has room.", hello.kv_tokens),
            ("resident_bytes", "Memory of the engine.", report.resident_bytes),
        ):
            yield GaugeMetricFamily(f"assistant_{name}", documentation, value=float(value))
        if report.prefix_tokens is not None:
            cached = "Tokens of prompts that were found in the prefix cache."
            yield CounterMetricFamily("assistant_prefix_cache_tokens", cached, value=float(report.prefix_tokens))
        for name, documentation, value in (
            ("preemptions", "Running sequences that had to give up their blocks.", report.preemptions),
            ("engine_steps", "Steps of the model.", report.steps),
            ("engine_cpu_seconds", "Processor time of the engine.", report.cpu_s),
        ):
            yield CounterMetricFamily(f"assistant_{name}", documentation, value=float(value))
