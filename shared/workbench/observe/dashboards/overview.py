"""The serving overview: every level, model and version on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.observe.dashboards.panels import Query, board, graph, heat, listing, number

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

__all__ = ["overview"]

_ABOUT = (
    "Rate, errors and duration of every model version, and what explains them: cache, queue, canary, drift, saturation."
)
_CHOSEN = 'level=~"$level", model=~"$model"'
_QUANTILE = "level_model_version:serving_request_duration_seconds:quantile_rate5m"
_RATE = f"level_model_version:serving_requests:rate5m{{{_CHOSEN}}}"
_NAME = "{{model}} {{version}}"
_LEVEL_OF = 'group by (job, instance, level) (serving_requests_in_flight{level=~"$level"})'
_OURS = f"* on (job, instance) group_left (level) {_LEVEL_OF}"


def overview(uid: str) -> Dashboard:
    """The dashboard of all levels, under that uid."""
    rows = {
        "Objectives": _objectives(),
        "Rate, errors, duration by model and version": _red(),
        "Cache": _cache(),
        "Batches and queue": _batches(),
        "Canary against stable": _canary(),
        "Drift": _drift(),
        "Saturation": _saturation(),
    }
    level = ("level", "label_values(serving_requests_in_flight, level)")
    model = ("model", 'label_values(level_model_version:serving_requests:rate5m{level=~"$level", model!=""}, model)')
    return board(uid, "Serving overview", _ABOUT, rows, level, model)


def _objectives() -> list[Builder[Panel]]:
    burn = 'max(level:serving_{0}:ratio_rate1h{{level=~"$level"}} / on (level) level:serving_{0}:budget)'
    promised = "on (level) group_left () level:serving_latency:objective_seconds"
    p50 = Query(f'max({_QUANTILE}{{{_CHOSEN}, quantile="0.5"}})')
    p99 = Query(f'max({_QUANTILE}{{{_CHOSEN}, quantile="0.99"}} / {promised})')
    failed = Query(f"max(level_model_version:serving_errors:ratio_rate5m{{{_CHOSEN}}})")
    errors, slow = Query(burn.format("errors")), Query(burn.format("slow"))
    firing = Query('count(ALERTS{alertstate="firing"}) or vector(0)')
    return [
        number("Requests", "A second, over 5 minutes, without probes.", "reqps", Query(f"sum({_RATE})")),
        number("Failed", "Share of 5xx, the worst version.", "percentunit", failed, width=3),
        number("p50", "Of the slowest version.", "s", p50, width=3),
        number("p99", "Of what its level promises, the worst version.", "percentunit", p99, limit=1),
        number("Error budget burn", "1 spends it in 30 days; 14.4 pages.", "short", errors, limit=1),
        number("Latency budget burn", "Likewise, of slow requests.", "short", slow, limit=1),
        number("Alerts firing", "See the Alerting page.", "short", firing, width=2, limit=1),
    ]


def _red() -> list[Builder[Panel]]:
    errors = Query(f"level_model_version:serving_errors:ratio_rate5m{{{_CHOSEN}}}", _NAME)
    buckets = f"rate(serving_request_duration_seconds_bucket{{{_CHOSEN}}}[$__rate_interval])"
    promised = Query('level:serving_latency:objective_seconds{level=~"$level"}', "level {{level}} promises")
    return [
        graph("Rate", "Requests a second.", "reqps", Query(_RATE, _NAME), stacked=True),
        graph("Errors", "Share of 5xx.", "percentunit", errors),
        graph("Duration", "And what each level promises.", "s", *map(_quantile, ("0.99", "0.95", "0.5")), promised),
        heat("Durations", "How many requests a second took how long.", Query(f"sum by (le) ({buckets})", "{{le}}")),
    ]


def _quantile(quantile: str) -> Query:
    percentile = f"p{float(quantile) * 100:g}"
    return Query(f'{_QUANTILE}{{{_CHOSEN}, quantile="{quantile}"}}', f"{_NAME} {percentile}")


def _cache() -> list[Builder[Panel]]:
    results = 'sum by (model, result) (rate(serving_cache_requests_total{model=~"$model"}[$__rate_interval]))'
    requests = Query(results, "{{model}} {{result}}")
    ratio = Query('model:serving_cache_hits:ratio_rate5m{model=~"$model"}', "{{model}}")
    return [
        graph("Hit ratio", "Hits and stale answers of all that is cacheable.", "percentunit", ratio),
        graph("Requests to the cache", "A second, by result.", "reqps", requests, stacked=True),
    ]


def _batches() -> list[Builder[Panel]]:
    per_request = (
        'sum by (model, version) (rate(nv_inference_compute_infer_duration_us{model=~"$model"}[$__rate_interval]))'
        ' / sum by (model, version) (rate(nv_inference_request_success{model=~"$model"}[$__rate_interval])) / 1e6'
    )
    size = Query('model_version:triton_batch_size:mean_rate5m{model=~"$model"}', _NAME)
    queue = Query('model_version:triton_queue_seconds:mean_rate5m{model=~"$model"}', _NAME)
    return [
        graph("Batch size", "Inferences for each execution, mean.", "short", size, width=8),
        graph("Queue time", "Mean wait for a batch.", "s", queue, width=8, limit=0.01),
        graph("Compute time", "Mean, of the batch a request was in.", "s", Query(per_request, _NAME), width=8),
    ]


def _canary() -> list[Builder[Panel]]:
    against = "on (level, model) group_left ()"
    share = Query(f"{_RATE} / {against} sum by (level, model) ({_RATE})", _NAME)
    errors = f"level_model_version:serving_errors:ratio_rate5m{{{_CHOSEN}}}"
    more = Query(f"{errors} - {against} level_model:serving_errors_stable:ratio_rate5m", _NAME)
    p99 = f'{_QUANTILE}{{{_CHOSEN}, quantile="0.99"}}'
    slower = Query(f"{p99} / {against} level_model:serving_request_duration_seconds_stable:p99_rate5m", _NAME)
    return [
        graph("Share of requests", "The largest is the stable version.", "percentunit", share, width=8, stacked=True),
        graph(
            "Errors beyond stable",
            "In points; above the red line for an hour, and beyond chance, it pages.",
            "percentunit",
            more,
            width=8,
            limit=0.02,
        ),
        graph("p99 against stable", "1 is as fast; the red line pages.", "short", slower, width=8, limit=1.5),
    ]


def _drift() -> list[Builder[Panel]]:
    by, labels = "max by (model, version, window, feature)", "{{model}} {{version}} {{window}} {{feature}}"
    psi = Query(f'{by} (serving_drift_psi{{model=~"$model"}})', labels)
    alarms = Query(f'{by} (serving_drift_alarm{{model=~"$model"}})', labels)
    return [
        graph("Population stability index", "Distance of the latest requests from training.", "short", psi),
        graph("Alarms", "1 while the server holds a feature for drifted.", "short", alarms, limit=1),
    ]


def _saturation() -> list[Builder[Panel]]:
    flight = 'sum by (level, instance) (serving_requests_in_flight{level=~"$level"})'
    cpu, memory = f"rate(process_cpu_seconds_total[$__rate_interval]) {_OURS}", f"process_resident_memory_bytes {_OURS}"
    shed = Query("sum by (job, reason) (rate(serving_shed_total[$__rate_interval]))", "{{job}} {{reason}}")
    name = "{{level}} {{instance}}"
    down = Query('up{namespace=~"iris|recommender|shop|"}')
    return [
        graph("In flight", "By process.", "short", Query(flight, name), width=6, limit=64),
        graph("CPU", "Cores, by process.", "short", Query(cpu, name), width=6, limit=0.9),
        graph("Memory", "Resident, by process.", "bytes", Query(memory, name), width=6),
        graph("Shed", "Requests turned away, a second.", "reqps", shed, width=6),
        listing("Targets", "1 is up.", down, ["__name__"], width=24),
    ]
