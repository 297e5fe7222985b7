"""What the gateways' cache found, by their own metrics."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Final

from prometheus_client.parser import text_string_to_metric_families

from servekit.errors import NotReadyError
from shop.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CacheCounts", "hit_ratios", "read_counts"]

CacheCounts = dict[tuple[str, str], float]
"""Look-ups by model and result."""

_COUNTER: Final = "serving_cache_requests_total"
_SERVED: Final = ("hit",)
_ASKED: Final = ("hit", "stale", "miss")


def read_counts(ports: Sequence[int]) -> CacheCounts:
    """The sum over these gateways on 127.0.0.1.

    Raises:
        NotReadyError: one does not answer.
    """
    counts: CacheCounts = {}
    for port in ports:
        for family in text_string_to_metric_families(_metrics(port)):
            for sample in family.samples:
                if sample.name == _COUNTER:
                    key = sample.labels["model"], sample.labels["result"]
                    counts[key] = counts.get(key, 0.0) + sample.value
    return counts


def hit_ratios(before: Mapping[tuple[str, str], float], after: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """For each kind that was looked up in between, the share that the cache answered and nobody computed.

    A stale answer is given at once and renewed behind it: it costs what a miss does.
    """
    ratios = {}
    for kind, _, model in ENDPOINTS:
        served, asked = (
            sum(after.get((model, result), 0.0) - before.get((model, result), 0.0) for result in results)
            for results in (_SERVED, _ASKED)
        )
        if asked > 0:
            ratios[kind] = round(served / asked, 4)
    return ratios


def _metrics(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except OSError:
        raise NotReadyError(f"http://127.0.0.1:{port}/metrics", None, "nothing answers: run make up-3") from None
    finally:
        connection.close()
