"""Level 3's dashboard: edge, gateways and Triton, model by model and version by version.

The panels are the same on both runtimes but for the edge: Envoy here, in a cluster the gateway that the chart brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.observe.dashboards.panels import Query, board, graph, heat, number
from workbench.observe.objectives import objective

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

__all__ = ["level_3"]

_ABOUT = (
    "Search, payments and recommendations: whether they answer within 50 ms, what the cache spares the models, what is "
    "degraded or turned away, how a canary compares, and where in the edge, the gateway and Triton the time goes."
)
_PROMISED = objective("3")
_ASKED = 'level="3", endpoint=~"/v[12]/.+", endpoint!~".*(live|ready)"'
_RATE = 'level_model_version:serving_requests:rate5m{level="3", model!=""}'
_QUANTILE = (
    'level_model_version:serving_request_duration_seconds:quantile_rate5m{{level="3", model!="", quantile="{}"}}'
)
_VERSION = "{{model}} {{version}}"
_GATEWAY = 'job=~"(shop/)?gateway"'


def level_3(uid: str) -> Dashboard:
    """The dashboard of level 3, under that uid."""
    rows = {
        "At a glance": _glance(),
        "Requests": _requests(),
        "Stable and candidate": _canary(),
        "Cache": _cache(),
        "Degraded and turned away": _protection(),
        "Steps of the gateway": _steps(),
        "Triton": _triton(),
        "Edge": _edge(),
        "Processes": _processes(),
    }
    return board(uid, "Level 3: the shop's models", _ABOUT, rows)


def _glance() -> list[Builder[Panel]]:
    failed = f'sum({_RATE} * level_model_version:serving_errors:ratio_rate5m{{level="3"}})'
    p99 = f"histogram_quantile(0.99, sum by (le) (rate(serving_request_duration_seconds_bucket{{{_ASKED}}}[5m])))"
    hits = 'sum(rate(serving_cache_requests_total{result="hit"}[5m])) / sum(rate(serving_cache_requests_total[5m]))'
    shed = f"sum(rate(serving_shed_total[5m])) / {_asked()}"
    return [
        number("Requests", "A second, over 5 minutes.", "reqps", Query(f"sum({_RATE})")),
        number(
            "Success", "Not answered 5xx; 99.9 % is promised.", "percentunit", Query(f"1 - {failed} / sum({_RATE})")
        ),
        number("p99", "All three endpoints together.", "s", Query(p99), limit=_PROMISED.latency_s),
        number("From the cache", "Share of look-ups that found an answer.", "percentunit", Query(hits)),
        number(
            "Degraded",
            "Share answered by a fallback.",
            "percentunit",
            Query(_degraded_share()),
            limit=0.001,
        ),
        number("Turned away", "Share answered 429.", "percentunit", Query(shed), limit=0.001),
    ]


def _requests() -> list[Builder[Panel]]:
    codes = Query(
        f"sum by (endpoint, code) (rate(serving_request_duration_seconds_count{{{_ASKED}}}[$__rate_interval]))",
        "{{endpoint}} {{code}}",
    )
    quantiles = [Query(_QUANTILE.format(q), f"{_VERSION} p{float(q) * 100:g}") for q in ("0.5", "0.99")]
    durations = f"sum by (le) (rate(serving_request_duration_seconds_bucket{{{_ASKED}}}[$__rate_interval]))"
    return [
        graph("Requests by endpoint", "A second, by endpoint and status.", "reqps", codes, stacked=True),
        graph("Requests by version", "A second, by model and version.", "reqps", Query(_RATE, _VERSION), stacked=True),
        graph("p50 and p99", "The red line is the promise.", "s", *quantiles, limit=_PROMISED.latency_s),
        heat("Durations", "How many requests a second took how long.", Query(durations, "{{le}}")),
    ]


def _canary() -> list[Builder[Panel]]:
    share = Query(f"{_RATE} / on (model) group_left () sum by (model) ({_RATE})", _VERSION)
    errors = Query('level_model_version:serving_errors:ratio_rate5m{level="3", model!=""}', _VERSION)
    outcomes = "sum by (model, version, outcome) (rate(serving_feedback_total[$__rate_interval]))"
    return [
        graph("Share", "Who answers: the split that the edge makes.", "percentunit", share, width=6, stacked=True),
        graph("Errors", "Share answered 5xx, by version.", "percentunit", errors, width=6, limit=0.02),
        graph(
            "Median score",
            "Of the best of each answer; of payments, the probability of fraud.",
            "short",
            Query("model_version:serving_score:median_rate15m", _VERSION),
            width=6,
        ),
        graph("Outcomes", "What became of answers.", "ops", Query(outcomes, _VERSION + " {{outcome}}"), width=6),
    ]


def _cache() -> list[Builder[Panel]]:
    results = "sum by (model, result) (rate(serving_cache_requests_total[$__rate_interval]))"
    ratio = Query("model:serving_cache_hits:ratio_rate5m", "{{model}}")
    return [
        graph("Hit ratio", "Share of the look-ups that may use the cache.", "percentunit", ratio),
        graph("Look-ups", "A second, by result.", "ops", Query(results, "{{model}} {{result}}"), stacked=True),
    ]


def _protection() -> list[Builder[Panel]]:
    degraded = "sum by (model, reason) (rate(serving_degraded_total[$__rate_interval]))"
    turned_away = Query("sum by (reason) (rate(serving_shed_total[$__rate_interval]))", "{{reason}}")
    limits = [
        Query("serving_concurrency_limit", "limit of {{instance}}"),
        Query('serving_requests_in_flight{level="3"}', "in flight in {{instance}}"),
    ]
    return [
        graph("Degraded answers", "A second, by reason.", "reqps", Query(degraded, "{{model}} {{reason}}"), width=8),
        graph("Turned away", "A second, by reason.", "reqps", turned_away, width=8, stacked=True),
        graph("Concurrency", "Requests in flight, and how many are let in.", "short", *limits, width=8),
    ]


def _steps() -> list[Builder[Panel]]:
    rate = 'sum by (step{}) (rate(serving_step_duration_seconds_{}{{level="3"}}[$__rate_interval]))'
    mean = Query(f"{rate.format('', 'sum')} / {rate.format('', 'count')}", "{{step}}")
    p99 = Query(f"histogram_quantile(0.99, {rate.format(', le', 'bucket')})", "{{step}}")
    return [
        graph("Steps, mean", "Where a request's time goes.", "s", mean, stacked=True),
        graph("Steps, p99", "The red line is half of the promise.", "s", p99, limit=_PROMISED.latency_s / 2),
    ]


def _triton() -> list[Builder[Panel]]:
    def each(counter: str) -> str:
        return f"sum by (model, version) (rate(nv_inference_{counter}[$__rate_interval]))"

    compute = Query(f"{each('compute_infer_duration_us')} / {each('request_success')} / 1e6", _VERSION)
    at_once = Query(f"{each('request_duration_us')} / 1e6", f"{_VERSION}, mean")
    waiting = Query("sum by (model, version) (nv_inference_pending_request_count)", f"{_VERSION}, waiting now")
    failures = Query(
        "sum by (model, version, reason) (rate(nv_inference_request_failure[$__rate_interval]))", "{{model}} {{reason}}"
    )
    queued = Query("model_version:triton_queue_seconds:mean_rate5m", _VERSION)
    batches = Query("model_version:triton_batch_size:mean_rate5m", _VERSION)
    return [
        graph("In the queue", "Mean wait of a request.", "s", queued, width=8, limit=0.01),
        graph("Computing", "Mean of a request, without the queue.", "s", compute, width=8),
        graph("Batch size", "Rows that run together; a search has a hundred.", "short", batches, width=8),
        graph("Inferences", "Requests a second.", "reqps", Query(each("request_success"), _VERSION), width=8),
        graph("At once", "Requests inside Triton, and those of them that wait.", "short", at_once, waiting, width=8),
        graph("Failures", "A second, by reason.", "reqps", failures, width=8),
    ]


def _edge() -> list[Builder[Panel]]:
    upstream = 'envoy_cluster_name="gateways"'
    classes = f"sum by (envoy_response_code_class) (rate(envoy_cluster_upstream_rq_xx{{{upstream}}}[$__rate_interval]))"
    times = f"sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{{{upstream}}}[$__rate_interval]))"
    p99 = [Query(f"histogram_quantile({q}, {times}) / 1e3", f"p{q * 100:g}") for q in (0.5, 0.99)]
    retries = "sum(rate(envoy_cluster_upstream_rq_retry[$__rate_interval]))"
    blocked = "sum(rate(envoy_http_adaptive_concurrency_gradient_controller_rq_blocked[$__rate_interval]))"
    return [
        graph(
            "Answers of the gateways", "A second.", "reqps", Query(classes, "{{envoy_response_code_class}}xx"), width=6
        ),
        graph("Their time", "As the edge sees it.", "s", *p99, width=6, limit=_PROMISED.latency_s),
        graph(
            "Retried and blocked", "A second.", "reqps", Query(retries, "retried"), Query(blocked, "blocked"), width=6
        ),
        graph(
            "Gateways and overrides",
            "Healthy gateways; changes of the canary's weights that only the running edge knows.",
            "short",
            Query(f"envoy_cluster_membership_healthy{{{upstream}}}", "healthy"),
            Query("envoy_runtime_admin_overrides_active", "overrides"),
            width=6,
        ),
    ]


def _processes() -> list[Builder[Panel]]:
    cpu = Query(f"rate(process_cpu_seconds_total{{{_GATEWAY}}}[$__rate_interval])", "{{instance}}")
    memory = Query(f"process_resident_memory_bytes{{{_GATEWAY}}}", "{{instance}}")
    files = Query(f"process_open_fds{{{_GATEWAY}}}", "{{instance}}")
    waiting = Query('max by (instance) (serving_audit_waiting_bytes{level="3"})', "{{instance}}")
    lines = Query('max by (writer) (serving_audit_lines{level="3"})', "{{writer}}")
    return [
        graph("CPU", "CPU cores used by each gateway.", "short", cpu, width=8, limit=0.9),
        graph("Memory", "Resident memory of each gateway.", "bytes", memory, width=8),
        graph("Open files", "Connections included.", "short", files, width=8),
        graph("Audit log, waiting", "Lines that the disk refuses; 503 from AUDIT_BACKLOG_BYTES on.", "bytes", waiting),
        graph("Audit log, lines", "Lines on the disk by writer; the number never falls.", "short", lines),
    ]


def _asked() -> str:
    return f"sum(rate(serving_requests_total{{{_ASKED}}}[5m]))"


def _degraded_share() -> str:
    return f"sum(rate(serving_degraded_total[5m])) / {_asked()}"
