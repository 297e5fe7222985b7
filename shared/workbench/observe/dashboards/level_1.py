"""Level 1's dashboard: the Iris API, endpoint by endpoint and step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.observe.dashboards.panels import Query, board, graph, heat, listing, number
from workbench.observe.objectives import objective

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

__all__ = ["level_1"]

_ABOUT = "The Iris API: how much is asked of each endpoint, what fails, how long it takes and where the time goes."
_PROMISED = objective("1")
_COUNT = 'rate(serving_request_duration_seconds_count{level="1"}[$__rate_interval])'
_ENDED = 'sum by (endpoint) (rate(serving_requests_total{level="1"}[$__rate_interval]))'
_FAILED = 'sum by (endpoint) (rate(serving_requests_total{level="1", result="failed"}[$__rate_interval]))'
_BUCKET = 'rate(serving_request_duration_seconds_bucket{level="1"}[$__rate_interval])'
_STEP = "rate(serving_step_duration_seconds_{}{{level='1'}}[$__rate_interval])"
_OURS = '* on (job, instance) group_left () max by (job, instance) (serving_model_info{level="1"})'


def level_1(uid: str) -> Dashboard:
    """The dashboard of level 1, under that uid."""
    rows = {
        "At a glance": _glance(),
        "Requests, errors, duration by endpoint": _endpoints(),
        "Steps inside a request": _steps(),
        "Process": _process(),
        "Model and drift": _model(),
    }
    return board(uid, "Level 1: Iris API", _ABOUT, rows)


def _glance() -> list[Builder[Panel]]:
    rate = 'sum(level_model_version:serving_requests:rate5m{level="1"})'
    p99 = (
        'max(level_model_version:serving_request_duration_seconds:quantile_rate5m{level="1",model!="",quantile="0.99"})'
    )
    failed, slow = 'level:serving_errors:ratio_rate5m{level="1"}', 'level:serving_slow:ratio_rate5m{level="1"}'
    return [
        number("Requests", "A second, over 5 minutes, without probes.", "reqps", Query(rate), width=6),
        number("Failed", "Answered 5xx, over 5 minutes.", "percentunit", Query(failed), width=6, limit=0.001),
        number("p99", "Over 5 minutes.", "s", Query(p99), width=6, limit=_PROMISED.latency_s),
        number(f"Over {_PROMISED.latency}", "Over 5 minutes.", "percentunit", Query(slow), width=6, limit=0.01),
    ]


def _endpoints() -> list[Builder[Panel]]:
    by_code = Query(f"sum by (endpoint, code) ({_COUNT})", "{{endpoint}} {{code}}")
    buckets = Query(f"sum by (le) ({_BUCKET})", "{{le}}")
    return [
        graph("Requests", "A second, by endpoint and status.", "reqps", by_code, stacked=True),
        graph("Failed", "Share of 5xx by endpoint.", "percentunit", Query(f"{_FAILED} / {_ENDED}", "{{endpoint}}")),
        graph("Duration, p99", "The red line is the objective.", "s", _by_endpoint(0.99), limit=_PROMISED.latency_s),
        graph("Duration, median", "Half of the requests take longer.", "s", _by_endpoint(0.5)),
        heat("Durations", "How many requests a second took how long.", buckets, width=24),
    ]


def _by_endpoint(quantile: float) -> Query:
    return Query(f"histogram_quantile({quantile}, sum by (endpoint, le) ({_BUCKET}))", "{{endpoint}}")


def _steps() -> list[Builder[Panel]]:
    p99 = f"histogram_quantile(0.99, sum by (step, le) ({_STEP.format('bucket')}))"
    mean = f"sum by (step) ({_STEP.format('sum')}) / sum by (step) ({_STEP.format('count')})"
    return [
        graph("Steps, mean", "Where a request's time goes.", "s", Query(mean, "{{step}}"), stacked=True),
        graph("Steps, p99", "Which step has the tail.", "s", Query(p99, "{{step}}")),
    ]


def _process() -> list[Builder[Panel]]:
    flight = Query('sum by (instance) (serving_requests_in_flight{level="1"})', "{{instance}}")
    cpu = Query(f"rate(process_cpu_seconds_total[$__rate_interval]) {_OURS}", "{{instance}}")
    memory = Query(f"process_resident_memory_bytes {_OURS}", "{{instance}}")
    files = Query(f"process_open_fds {_OURS}", "{{instance}}")
    waiting = Query('max by (instance) (serving_audit_waiting_bytes{level="1"})', "{{instance}}")
    lines = Query('max by (writer) (serving_audit_lines{level="1"})', "{{writer}}")
    return [
        graph("In flight", "Requests being answered at the moment of the scrape.", "short", flight, width=6, limit=64),
        graph("CPU", "CPU cores used; one event loop uses one at most.", "short", cpu, width=6, limit=0.9),
        graph("Memory", "Resident memory; the pod's limit is 512 MiB.", "bytes", memory, width=6),
        graph("Open files", "Connections included.", "short", files, width=6),
        graph("Audit log, waiting", "Lines that the disk refuses; 503 from AUDIT_BACKLOG_BYTES on.", "bytes", waiting),
        graph("Audit log, lines", "Lines on the disk by writer; the number never falls.", "short", lines),
    ]


def _model() -> list[Builder[Panel]]:
    loaded = Query('serving_model_info{level="1"}')
    by, labels = "max by (version, window, feature)", "{{version}} {{window}} {{feature}}"
    psi = Query(f'{by} (serving_drift_psi{{model="iris"}})', labels)
    ks = Query(f'{by} (serving_drift_ks{{model="iris"}})', labels)
    alarms = Query(f'{by} (serving_drift_alarm{{model="iris"}})', labels)
    by, labels = "max by (version, window)", "{{version}} {{window}}"
    rows = Query(f'{by} (serving_drift_window_rows{{model="iris"}})', f"held, {labels}")
    needed = Query(f'{by} (serving_drift_window_required_rows{{model="iris"}})', f"needed, {labels}")
    sees = Query(f'{by} (serving_drift_smallest_shift{{model="iris"}})', labels)
    return [
        listing("Loaded models", "Every server's version and artefact.", loaded, ["Value", "job", "level"], width=24),
        graph("Population stability index", "Distance of the latest requests from training.", "short", psi),
        graph("Kolmogorov-Smirnov", "The largest gap between the two distributions.", "short", ks),
        graph("Drift alarms", "1 while the server holds a feature for drifted.", "short", alarms, width=8, limit=1),
        graph("Drift windows", "Rows in the window, and how many a verdict needs.", "short", rows, needed, width=8),
        graph("Smallest shift seen", "Standard deviations; less may go unseen.", "short", sees, width=8),
    ]
