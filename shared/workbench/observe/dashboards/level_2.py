"""Level 2's dashboard: the recommender pipeline, predictor by predictor and step by step.

It reads the metrics of Seldon's executor, which the graph router has as well: the same panels on both runtimes. Only
the router counts copies to shadows; the executor counts what its shadow answers under the shadow's own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.observe.dashboards.panels import Query, board, graph, heat, number
from workbench.observe.objectives import objective

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

__all__ = ["level_2"]

_ABOUT = (
    "The recommender pipeline: whether it answers and how fast, which step the time goes to or the failures come from, "
    "how the versions compare, and how fresh the stock is."
)
_PROMISED = objective("2")
_SERVER = 'seldon_api_executor_server_requests_seconds_{}{{service="predictions"}}[$__rate_interval]'
_CLIENT = "seldon_api_executor_client_requests_seconds_{}[$__rate_interval]"
_PREDICTOR, _STEP = "{{predictor_name}} {{predictor_version}}", "{{model_name}}"
_OURS = 'job=~"(recommender/)?recommender"'


def level_2(uid: str) -> Dashboard:
    """The dashboard of level 2, under that uid."""
    rows = {
        "At a glance": _glance(),
        "The pipeline, by predictor": _predictors(),
        "Steps": _steps(),
        "Stock and strangers": _stock(),
        "Process": _process(),
    }
    return board(uid, "Level 2: recommender pipeline", _ABOUT, rows)


def _glance() -> list[Builder[Panel]]:
    requests = "sum(predictor:seldon_requests:rate5m)"
    failures = "predictor:seldon_request_failures:ratio_rate5m * predictor:seldon_requests:rate5m"
    success = Query(f"1 - sum({failures}) / {requests}")
    p99 = Query(f"histogram_quantile(0.99, sum by (le) (rate({_SERVER.format('bucket')})))")
    return [
        number("Requests", "A second, over 5 minutes.", "reqps", Query(requests), width=6),
        number("Success", "Not answered 5xx, over 5 minutes; 99.9 % is promised.", "percentunit", success, width=6),
        number("p99", "The whole pipeline, from request to answer.", "s", p99, width=6, limit=_PROMISED.latency_s),
        number(
            "Stale",
            "Share made with an old copy of the stock.",
            "percentunit",
            _stale_share(),
            width=6,
            limit=0.0001,
        ),
    ]


def _predictors() -> list[Builder[Panel]]:
    by = "predictor_name, predictor_version"
    codes = Query(f"sum by ({by}, code) (rate({_SERVER.format('count')}))", f"{_PREDICTOR} {{{{code}}}}")
    share = Query(
        "predictor:seldon_requests:rate5m / on () group_left () sum(predictor:seldon_requests:rate5m)", _PREDICTOR
    )
    success = Query("1 - predictor:seldon_request_failures:ratio_rate5m", _PREDICTOR)
    results = "sum by (predictor_name, result) (rate(seldon_router_shadow_requests_total[$__rate_interval]))"
    copies = Query(f"{results} or on () vector(0)", "{{predictor_name}} {{result}}")
    p99 = [
        Query(
            f"histogram_quantile({q}, sum by ({by}, le) (rate({_SERVER.format('bucket')})))",
            f"{_PREDICTOR} p{q * 100:g}",
        )
        for q in (0.5, 0.99)
    ]
    durations = Query(f"sum by (le) (rate({_SERVER.format('bucket')}))", "{{le}}")
    return [
        graph("Requests by predictor", "A second, by predictor and status.", "reqps", codes, stacked=True),
        graph("Success by predictor", "Share not answered 5xx, stable and canary apart.", "percentunit", success),
        graph("Duration", "The red line is the promise.", "s", *p99, limit=_PROMISED.latency_s),
        heat("Durations", "How many requests a second took how long.", durations),
        graph(
            "Share of requests", "Who answers: the split between stable and canary.", "percentunit", share, stacked=True
        ),
        graph("Copies to shadows", "A second, by what became of them.", "reqps", copies, stacked=True),
    ]


def _steps() -> list[Builder[Panel]]:
    mean = Query(
        f"sum by (model_name) (rate({_CLIENT.format('sum')})) / sum by (model_name) (rate({_CLIENT.format('count')}))",
        _STEP,
    )
    p99 = Query("step:seldon_call_seconds:p99_rate5m", "{{predictor_name}} {{model_name}}")
    failures = Query("step:seldon_call_failures:ratio_rate5m", "{{predictor_name}} {{model_name}}")
    calls = Query(f"sum by (model_name, code) (rate({_CLIENT.format('count')}))", f"{_STEP} {{{{code}}}}")
    return [
        graph("Steps, mean", "Where a request's time goes.", "s", mean, stacked=True),
        graph("Steps, p99", "The red line is half of the promise.", "s", p99, limit=_PROMISED.latency_s / 2),
        graph(
            "Failed calls",
            "Share by step: which one is at fault.",
            "percentunit",
            failures,
            limit=0.01,
        ),
        graph("Calls", "A second, by step and status.", "reqps", calls, stacked=True),
    ]


def _stock() -> list[Builder[Panel]]:
    dropped = Query(
        "sum(rate(recommender_out_of_stock_dropped_total[$__rate_interval])) or vector(0)", "items a second"
    )
    cold = Query("sum(rate(recommender_cold_starts_total[$__rate_interval])) or vector(0)", "requests a second")
    stale = Query(_stale_share().expr, "stale")
    return [
        graph(
            "Stale answers",
            "Share made with an old copy of the stock.",
            "percentunit",
            stale,
            width=8,
            limit=0.0001,
        ),
        graph("Dropped, out of stock", "What would have been recommended.", "short", dropped, width=8),
        graph("Cold starts", "Users of whom nothing is known.", "reqps", cold, width=8),
    ]


def _stale_share() -> Query:
    stale = "(sum(rate(recommender_stale_answers_total[$__rate_interval])) or vector(0))"
    return Query(f"{stale} / sum(rate({_SERVER.format('count')}))")


def _process() -> list[Builder[Panel]]:
    cpu = Query(f"rate(process_cpu_seconds_total{{{_OURS}}}[$__rate_interval])", "{{instance}}")
    memory = Query(f"process_resident_memory_bytes{{{_OURS}}}", "{{instance}}")
    files = Query(f"process_open_fds{{{_OURS}}}", "{{instance}}")
    return [
        graph("CPU", "CPU cores used by the router or executor.", "short", cpu, width=8, limit=0.9),
        graph("Memory", "Resident memory of the router or executor.", "bytes", memory, width=8),
        graph("Open files", "Connections included.", "short", files, width=8),
    ]
