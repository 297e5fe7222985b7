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
    from assistant.domain.admission import TokenAdmission

__all__ = ["PROVIDER", "ChatMetrics", "EngineCollector"]

PROVIDER = "shop"
"""Who provides the model, in OpenTelemetry's sense: nobody that it has a name for."""

_FIRST = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
_PER_TOKEN = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)
_WHOLE = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0)
_REFUSALS = ("overloaded", "rate_limit_exceeded", "first_token_deadline")
_ENDS = ("stop", "length", "cancelled", "refused", "failed", "broken")


class ChatMetrics:
    """Durations and tokens of answers, refusals, and how answers ended.

    Args:
        model: that answers, by the name that callers ask for.
        registry: where the metrics live; one registry takes them once.

    Attributes:
        first_token: seconds from the request to its first token.
        per_token: seconds for each token after the first, the mean of an answer.
        duration: seconds from the request to the end of its answer.
    """

    def __init__(self, model: str, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        about = {
            "gen_ai_operation_name": "chat",
            "gen_ai_provider_name": PROVIDER,
            "gen_ai_request_model": model,
        }

        def histogram(name: str, documentation: str, buckets: tuple[float, ...]) -> Histogram:
            name = f"gen_ai_server_{name}_seconds"
            return Histogram(name, documentation, tuple(about), buckets=buckets, registry=registry).labels(**about)

        def counter(name: str, documentation: str, label: str, values: tuple[str, ...]) -> dict[str, Counter]:
            made = Counter(name, documentation, [label], registry=registry)
            return {value: made.labels(value) for value in values}

        self.first_token = histogram("time_to_first_token", "From the request's last byte to the first token.", _FIRST)
        self.per_token = histogram(
            "time_per_output_token",
            "Mean time of the tokens after the first, of each answer with two or more.",
            _PER_TOKEN,
        )
        self.duration = histogram(
            "request_duration", "From the request's last byte to the answer's end, however it ended.", _WHOLE
        )
        self._tokens = counter(
            "assistant_tokens",
            "Tokens of prompts whose first token came (input; what the prefix cache held is included), and of answers.",
            "type",
            ("input", "output"),
        )
        self._shed = counter("assistant_refused", "Requests turned away for now (429).", "reason", _REFUSALS)
        self._ended = counter(
            "assistant_answers",
            "Answers that the engine was asked for, by how they ended; broken: failed after their first token.",
            "end",
            _ENDS,
        )

    def watch(self, admission: TokenAdmission) -> None:
        """Has the tokens under way read from the admission, whenever somebody asks."""
        for name, documentation, tokens in (
            ("reserved", "Tokens that requests under way may use.", lambda: admission.reserved),
            ("waiting", "Tokens of the prompts among them that have no first token.", lambda: admission.waiting),
        ):
            gauge = Gauge(f"assistant_{name}_tokens", documentation, registry=self._registry)
            gauge.set_function(tokens)

    def tokens(self, prompt: int, answer: int) -> None:
        """Counts tokens in and out."""
        self._tokens["input"].inc(prompt)
        self._tokens["output"].inc(answer)

    def refused(self, code: str) -> None:
        """Counts a refusal by its code; other codes than those of 429 are not counted here."""
        if code in self._shed:
            self._shed[code].inc()

    def ended(self, end: str) -> None:
        """Counts an answer by its end: ``stop``, ``length``, ``cancelled``, ``refused``, ``failed`` or ``broken``."""
        self._ended[end].inc()


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
            ("sequences_waiting", "Sequences without a first token: queued, or in prefill.", report.waiting),
            (
                "kv_used_ratio",
                "Share of the KV cache that sequences hold; prefixes kept for later are not counted.",
                report.kv_used,
            ),
            ("kv_bytes", "Memory of the KV cache; 0 where the library does not tell.", report.kv_bytes),
            ("kv_capacity_tokens", "Tokens for which the KV cache has room.", hello.kv_tokens),
            ("kv_block_tokens", "Tokens of a block of the KV cache; 1 where it is not paged.", hello.block_tokens),
            ("resident_bytes", "Memory of the engine.", report.resident_bytes),
        ):
            yield GaugeMetricFamily(f"assistant_{name}", documentation, value=float(value))
        for name, documentation, count in (
            ("preemptions", "Running sequences that got no token in a step: they had lost blocks.", report.preemptions),
            ("engine_steps", "Passes through the model, where it is known.", report.steps),
            ("engine_prompt_tokens", "Tokens of prompts whose first token the engine gave.", report.prompt_tokens),
            ("engine_cpu_seconds", "Processor time of the engine, its start included.", report.cpu_s),
        ):
            if count is not None:
                yield CounterMetricFamily(f"assistant_{name}", documentation, value=float(count))
        if report.prefix_tokens is not None:
            yield _prefix(report.prefix_tokens, exact=report.prefix_exact)


def _prefix(tokens: int, *, exact: bool) -> Metric:
    """Two ways to count are one metric with a label, so that nobody takes the one for the other."""
    about = (
        "Of assistant_engine_prompt_tokens, those that the prefix cache spared. counted=exactly: llama.cpp tells. "
        "counted=at_least: OpenVINO does not; these are the tokens for which its steps had no room."
    )
    family = CounterMetricFamily("assistant_prefix_cache_tokens", about, labels=["counted"])
    family.add_metric(["exactly" if exact else "at_least"], float(tokens))
    return family
