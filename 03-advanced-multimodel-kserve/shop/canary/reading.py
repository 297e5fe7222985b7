"""What the gateways counted: from the text of ``/metrics`` to two versions side by side."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from shop.canary.evidence import EMPTY, Histogram
from shop.endpoints import FEEDBACK_PATH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Counters", "Reading", "increase", "parse", "readings", "total"]

Series: TypeAlias = tuple[str, frozenset[tuple[str, str]]]
Counters: TypeAlias = dict[Series, float]
"""Every counter of interest by name and labels."""

_DURATION = "serving_request_duration_seconds"
_COMPUTED = "serving_computed_duration_seconds"
_SCORE = "serving_score"
_DEGRADED = "serving_degraded_total"
_FEEDBACK = "serving_feedback_total"
_WANTED = frozenset({f"{_DURATION}_bucket", f"{_COMPUTED}_bucket", f"{_SCORE}_bucket", _DEGRADED, _FEEDBACK})
_FAMILIES = frozenset({_DURATION, _COMPUTED, _SCORE, "serving_degraded", "serving_feedback"})


@dataclass(frozen=True)
class Reading:
    """What one version answered in some span of time.

    Attributes:
        durations: of answers and server errors, in seconds; a caller's own mistakes (4xx, 429 too) are left out.
        errors: answers of 500 and above.
        degraded: answers from a fallback.
        scores: the model's best score of each answer.
        outcomes: feedback by its name: ``impression``, ``click``, ``legitimate``, ``chargeback``, …
        computed: of the answers that the model computed for the request, none of them from the cache, in seconds; None
            where every answer was computed.
    """

    durations: Histogram = EMPTY
    errors: float = 0
    degraded: float = 0
    scores: Histogram = EMPTY
    outcomes: Mapping[str, float] = field(default_factory=dict)
    computed: Histogram | None = None

    @property
    def latencies(self) -> Histogram:
        """How long the model's own answers took: what versions are compared by, because a new one's cache is empty."""
        return self.durations if self.computed is None else self.computed

    @property
    def answers(self) -> float:
        """How many requests ended, well or badly."""
        return self.durations.total

    @property
    def rated(self) -> tuple[float, float]:
        """What went well, of how many: clicks of impressions, or legitimate payments of those whose end is known."""
        of = self.outcomes
        if shown := of.get("impression", 0.0):
            return min(of.get("click", 0.0), shown), shown
        legitimate = of.get("legitimate", 0.0)
        return legitimate, legitimate + of.get("chargeback", 0.0)


def parse(text: str) -> Counters:
    """The counters that a canary is judged by, from a gateway's exposition."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        if family.name in _FAMILIES
        for sample in family.samples
        if sample.name in _WANTED
    }


def increase(before: Counters, after: Counters) -> Counters:
    """What was counted in between by one process; a counter that fell began anew with its process."""
    return {
        series: value - before.get(series, 0.0) if value >= before.get(series, 0.0) else value
        for series, value in after.items()
    }


def total(several: Iterable[Counters]) -> Counters:
    """The counts of several processes together."""
    summed: Counters = defaultdict(float)
    for counters in several:
        for series, value in counters.items():
            summed[series] += value
    return dict(summed)


def readings(counters: Counters, model: str) -> dict[str, Reading]:
    """What each version of a model answered."""
    by_version: dict[str, list[tuple[str, dict[str, str], float]]] = defaultdict(list)
    for (name, labels), value in counters.items():
        of = dict(labels)
        if of.get("model") == model and "version" in of and of.get("endpoint") != FEEDBACK_PATH:
            by_version[of["version"]].append((name, of, value))
    return {version: _reading(samples) for version, samples in by_version.items()}


def _reading(samples: list[tuple[str, dict[str, str], float]]) -> Reading:
    durations: dict[float, float] = defaultdict(float)
    computed: dict[float, float] = defaultdict(float)
    scores: dict[float, float] = defaultdict(float)
    outcomes: dict[str, float] = defaultdict(float)
    errors = degraded = 0.0
    for name, labels, value in samples:
        match name:
            case "serving_request_duration_seconds_bucket" if labels["code"][0] != "4":
                durations[float(labels["le"])] += value
                errors += value if labels["code"][0] == "5" and labels["le"] == "+Inf" else 0.0
            case "serving_computed_duration_seconds_bucket":
                computed[float(labels["le"])] += value
            case "serving_score_bucket":
                scores[float(labels["le"])] += value
            case "serving_degraded_total":
                degraded += value
            case "serving_feedback_total":
                outcomes[labels["outcome"]] += value
            case _:
                pass
    of_computed = _histogram(computed) if computed else None
    return Reading(_histogram(durations), errors, degraded, _histogram(scores), dict(outcomes), of_computed)


def _histogram(cumulative: Mapping[float, float]) -> Histogram:
    edges = sorted(cumulative)
    counts = [0.0, *(cumulative[edge] for edge in edges)]
    return Histogram(tuple(edges[:-1]), tuple(max(after - before, 0.0) for before, after in pairwise(counts)))
