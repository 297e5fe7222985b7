"""The assistant's dashboard: what its readers wait for, its tokens, and the engine's queue and memory."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, NamedTuple

from workbench.observe.dashboards.panels import Query, board, graph, heat, number
from workbench.versions import ROOT

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

__all__ = ["assistant"]

_ABOUT = (
    "The language model beside level 3 (make up-3 WITH=assistant): when the first token comes and how fast the others "
    "follow, how many tokens go in and out and what they cost, who waits, and what the KV cache holds."
)
_PROMISE = ROOT / "03-advanced-multimodel-kserve" / "assistant" / "sla.toml"
_SERVER = "gen_ai_server"
_ASKED = 'level="assistant", endpoint=~"/v1/.+"'
_WINDOW = "[$__rate_interval]"


class _Promise(NamedTuple):
    """Limits of what readers wait for, in seconds."""

    first_s: float
    per_token_s: float


def assistant(uid: str) -> Dashboard:
    """The dashboard of the assistant, under that uid."""
    promise = _promise()
    rows = {
        "Assistant at a glance": _glance(promise),
        "What readers wait for": _waits(promise),
        "Tokens": _tokens(),
        "Queue and KV cache": _memory(),
        "How answers end": _ends(),
        "Engine and gateway": _processes(),
    }
    return board(uid, "The shop's assistant", _ABOUT, rows)


def _promise() -> _Promise:
    said = tomllib.loads(_PROMISE.read_text(encoding="utf-8"))
    return _Promise(said["first_token_p99_ms"] / 1e3, said["per_token_p99_ms"] / 1e3)


def _glance(promise: _Promise) -> list[Builder[Panel]]:
    asked = f"sum(rate(serving_requests_total{{{_ASKED}}}[5m]))"
    failed = f'sum(rate(serving_requests_total{{{_ASKED}, result="failed"}}[5m])) / {asked}'
    refused = f"sum(rate(assistant_refused_total[5m])) / {asked}"
    tokens = Query('sum(rate(assistant_tokens_total{type="output"}[5m]))')
    first = Query(_quantile("time_to_first_token", 0.99, "[5m]"))
    each = Query(_quantile("time_per_output_token", 0.99, "[5m]"))
    return [
        number("Questions", "A second, over 5 minutes.", "reqps", Query(asked)),
        number("First token, p99", "From the request to its first token.", "s", first, limit=promise.first_s),
        number("Per token, p99", "Each token after the first.", "s", each, limit=promise.per_token_s),
        number("Failed", "Share of 5xx, errors in mid-stream included.", "percentunit", Query(failed), limit=0.01),
        number("Turned away", "Share of 429.", "percentunit", Query(refused), limit=0.05),
        number("Tokens out", "A second, of all answers together.", "short", tokens),
    ]


def _waits(promise: _Promise) -> list[Builder[Panel]]:
    first = f"sum by (le) (rate({_SERVER}_time_to_first_token_seconds_bucket{_WINDOW}))"
    return [
        graph(
            "First token", "Queue and prefill. The red line is promised.", "s",
            *_quantiles("time_to_first_token"), limit=promise.first_s,
        ),
        graph(
            "Per token", "Of decoding, the mean of an answer. The red line is promised.", "s",
            *_quantiles("time_per_output_token"), limit=promise.per_token_s,
        ),
        graph("Whole answers", "Follows the answers' length: no promise.", "s", *_quantiles("request_duration")),
        heat("First tokens", "How many a second came after how long.", Query(first, "{{le}}")),
    ]  # fmt: skip


def _tokens() -> list[Builder[Panel]]:
    flow = Query(f"sum by (type) (rate(assistant_tokens_total{_WINDOW}))", "{{type}}")
    cpu = f"sum(rate(assistant_engine_cpu_seconds_total{_WINDOW}))"
    out = f'sum(rate(assistant_tokens_total{{type="output"}}{_WINDOW}))'
    steps = Query(f"{out} / sum(rate(assistant_engine_steps_total{_WINDOW}))", "output")
    into = f"sum(rate(assistant_engine_prompt_tokens_total{_WINDOW}))"  # the engine's own, counted at the same moment
    hits = f"sum by (counted) (rate(assistant_prefix_cache_tokens_total{_WINDOW}))"
    spared = Query(f"{hits} / on () group_left () {into}", "{{counted}}")
    return [
        graph("Tokens", "A second; the input includes what was cached.", "short", flow, width=6, stacked=True),
        graph(
            "Tokens out per CPU-second", "The price of a token.", "short", Query(f"{out} / {cpu}", "output"), width=6
        ),
        graph("Tokens out per step", "Sequences that share a pass through the weights.", "short", steps, width=6),
        graph("Prefix cache", "Share of the prompts' tokens that it spared.", "percentunit", spared, width=6),
    ]


def _memory() -> list[Builder[Panel]]:
    sequences = [
        Query("assistant_sequences_running", "running in {{instance}}"),
        Query("assistant_sequences_waiting", "waiting in {{instance}}"),
    ]
    queue = [
        Query("assistant_waiting_tokens", "without a first token"),
        Query("assistant_reserved_tokens", "let in, with their longest answers"),
        Query("assistant_kv_capacity_tokens", "room in the KV cache"),
    ]
    total = "assistant_kv_capacity_tokens / assistant_kv_block_tokens"
    blocks = [Query(f"assistant_kv_used_ratio * {total}", "used"), Query(total, "there are")]
    lost = Query(f"sum by (instance) (rate(assistant_preemptions_total{_WINDOW}))", "{{instance}}")
    return [
        graph("Sequences", "Waiting: queued, or in prefill.", "short", *sequences, width=6, stacked=True),
        graph("Tokens under way", "By which requests are let in.", "short", *queue, width=6),
        graph("KV blocks", "Held by sequences; prefixes kept for later do not count.", "short", *blocks, width=6),
        graph("Preemptions", "A second: answers that lost their blocks.", "ops", lost, width=6),
    ]


def _ends() -> list[Builder[Panel]]:
    ends = Query(f"sum by (end) (rate(assistant_answers_total{_WINDOW}))", "{{end}}")
    reasons = Query(f"sum by (reason) (rate(assistant_refused_total{_WINDOW}))", "{{reason}}")
    rate = f'sum by (step) (rate(serving_step_duration_seconds_{{}}{{{{level="assistant"}}}}{_WINDOW}))'
    steps = Query(f"{rate.format('sum')} / {rate.format('count')}", "{{step}}")
    return [
        graph("Ends", "Answers a second; broken: failed in mid-stream.", "ops", ends, width=8, stacked=True),
        graph("Turned away, by reason", "A second (429).", "ops", reasons, width=8, stacked=True),
        graph(
            "Steps, mean",
            "Where an answer's time goes; prefill has the queue in it.",
            "s",
            steps,
            width=8,
            stacked=True,
        ),
    ]


def _processes() -> list[Builder[Panel]]:
    cores = [
        Query(f"rate(assistant_engine_cpu_seconds_total{_WINDOW})", "engine of {{instance}}"),
        Query(f'rate(process_cpu_seconds_total{{job="assistant"}}{_WINDOW})', "gateway {{instance}}"),
    ]
    memory = [
        Query("assistant_resident_bytes", "engine of {{instance}}"),
        Query("assistant_kv_bytes", "KV cache of {{instance}}"),
        Query('process_resident_memory_bytes{job="assistant"}', "gateway {{instance}}"),
    ]
    return [
        graph("CPU", "Cores.", "short", *cores, width=8),
        graph("Memory", "Resident; the engine's has the KV cache in it.", "bytes", *memory, width=8),
        graph("Engine", "1 while it answers.", "short", Query("assistant_engine_up", "{{instance}}"), width=8),
    ]


def _quantiles(name: str) -> list[Query]:
    return [Query(_quantile(name, share, _WINDOW), f"p{share * 100:g}") for share in (0.5, 0.99)]


def _quantile(name: str, share: float, window: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({_SERVER}_{name}_seconds_bucket{window})))"
