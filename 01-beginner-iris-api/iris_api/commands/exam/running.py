"""How level 1 runs: in time under load, through a stop and a kill, and what it tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from course.exam import demand
from course.exam.in_cluster import judge_killed_pod, judge_pod_logs, judge_restart
from course.exam.sla_part import keep_sla
from course.exam.stops import CallLog, calling, judge_drain, kill, mended
from course.exam.telemetry import Metrics, judge_audit, judge_log_files, judge_trace
from iris_api.commands.exam.answers import flowers
from iris_api.domain.flower import as_dict
from workbench.load import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from course.exam import Examined

__all__ = ["audit", "comes_back", "drain", "killed_pod", "logs", "metrics", "pod_logs", "restart", "sla", "traces"]

_PREDICT: Final = "/v1/predict"
_PROCESS: Final = "iris-api"
_RIGHT, _WRONG = 12, 3
_SECRET: Final = 4.7310968
"""A length that no other request has, to be looked for in the logs."""


def sla(examined: Examined) -> str:
    """The rate and the p99 of ``sla.toml``, in open loop."""
    return keep_sla(examined, Path(__file__).parents[3] / "sla.toml")


def drain(examined: Examined) -> str:
    """SIGTERM while eight connections ask without a pause."""
    return judge_drain(examined, _PROCESS, _PREDICT, _body(examined))


def comes_back(examined: Examined) -> str:
    """SIGKILL under load: the process is started again, and answers."""
    log = CallLog(patience_s=examined.patience_s)
    with mended(examined):
        with calling(examined, Request(_PREDICT, _body(examined)), log):
            kill(examined, _PROCESS)
            log.begin()
        log.demand_recovery("killed")
    return f"answers again {log.recovered_s:.1f} s after SIGKILL; callers got {log.said()}"


def restart(examined: Examined) -> str:
    """In a cluster: every pod is told to stop, and replaced, under load."""
    return judge_restart(examined, Request(_PREDICT, _body(examined)))


def killed_pod(examined: Examined) -> str:
    """In a cluster: a pod is killed under load; another takes its place."""
    return judge_killed_pod(examined, Request(_PREDICT, _body(examined)))


def metrics(examined: Examined) -> str:
    """A known number of right and wrong requests, counted by ``/metrics`` with their codes."""
    before, body = Metrics(examined), _body(examined)
    statuses = [_ask(examined, body).status_code for _ in range(_RIGHT)]
    statuses += [_ask(examined, b"{}").status_code for _ in range(_WRONG)]
    after = Metrics(examined)
    for code in sorted(set(statuses)):
        labels = {"endpoint": _PREDICT, "code": str(code)}
        after.demand_rise(before, statuses.count(code), "serving_request_duration_seconds_count", **labels)
    answered = {"endpoint": _PREDICT, "result": "answered"}
    after.demand_rise(before, len(statuses), "serving_requests_total", **answered)
    bucket = {"endpoint": _PREDICT, "code": "200", "le": "+Inf"}
    after.demand_rise(before, _RIGHT, "serving_request_duration_seconds_bucket", **bucket)
    after.demand_rise(before, _RIGHT, "serving_step_duration_seconds_count")
    for name in ("serving_requests_in_flight", "serving_model_info", "serving_drift_window_rows"):
        demand(after.has(name), f"no metric {name}")
    return f"{len(statuses)} requests, counted by endpoint and code; duration, in flight, model and drift are there"


def traces(examined: Examined) -> str:
    """A request with a traceparent: its span continues the caller's trace."""
    return judge_trace(examined, _sender(examined, _body(examined)), {f"POST {_PREDICT}"})


def logs(examined: Examined) -> str:
    """A request's line in the log, without what was in its body."""
    return judge_log_files(examined, _sender(examined, _body(examined, _SECRET)), str(_SECRET))


def pod_logs(examined: Examined) -> str:
    """In a cluster: a request's line in what the pods logged."""
    return judge_pod_logs(examined, _sender(examined, _body(examined, _SECRET)), str(_SECRET))


def audit(examined: Examined) -> str:
    """A request's line in the audit log, whose hashes hold."""
    return judge_audit(examined, _sender(examined, _body(examined)))


def _body(examined: Examined, length: float | None = None) -> bytes:
    """One flower; its first length is the one given, if there is one."""
    flower = as_dict(flowers(examined, "running", 1)[0])
    return msgspec.json.encode({**flower, next(iter(flower)): length} if length else flower)


def _ask(examined: Examined, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return examined.http.post(_PREDICT, content=body, headers={"content-type": "application/json", **(headers or {})})


def _sender(examined: Examined, body: bytes) -> Callable[[Mapping[str, str]], httpx.Response]:
    return lambda headers: _ask(examined, body, headers)
