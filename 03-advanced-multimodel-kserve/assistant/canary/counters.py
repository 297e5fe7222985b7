"""The assistant's counters under the names of the shop's gateways, so that the same judge compares its versions.

What it is judged by: how long the first token takes, in the place of the computed answer's time; failures; and
refusals for want of room or time, in the place of degraded answers, which count as answers here. What a caller did
wrong (400, 404, a key's used-up budget) is no version's doing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from shop.endpoints import CHAT

if TYPE_CHECKING:
    from shop.canary.reading import Counters

__all__ = ["parse_chat"]

_DURATION = "serving_request_duration_seconds_bucket"
_FIRST_TOKEN = "gen_ai_server_time_to_first_token_seconds_bucket"  # noqa: S105 - a metric's name
_REFUSED = "assistant_refused_total"
_OVERLOADED = frozenset({"overloaded", "first_token_deadline"})


def parse_chat(text: str) -> Counters:
    """What one version's process counted, from its exposition."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    chat = [each for each in samples if each.name == _DURATION and each.labels["endpoint"] == CHAT.path]
    version = next((each.labels["version"] for each in chat if each.labels["version"]), "")
    counters: Counters = defaultdict(float)

    def add(name: str, value: float, **labels: str) -> None:
        counters[name, frozenset({"model": CHAT.model, "version": version, **labels}.items())] += value

    for sample in chat:
        code = "refused" if sample.labels["code"] == "429" else sample.labels["code"]
        add(_DURATION, sample.value, code=code, le=sample.labels["le"])
    for sample in samples:
        if sample.name == _FIRST_TOKEN:
            add("serving_computed_duration_seconds_bucket", sample.value, le=sample.labels["le"])
        elif sample.name == _REFUSED and sample.labels["reason"] in _OVERLOADED:
            add("serving_degraded_total", sample.value)
    return dict(counters)
