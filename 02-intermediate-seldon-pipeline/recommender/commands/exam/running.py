"""How level 2 runs: in time under load, through a lost step and a stop, and what it tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from course.exam import ShortfallError, demand
from course.exam.sla_part import keep_sla
from course.exam.stops import CallLog, calling, judge_drain, kill, mended
from course.exam.telemetry import Metrics, judge_log_files, judge_trace
from recommender.commands.exam.answers import PATH, STEPS, wanted
from recommender.commands.exam.oracle import Oracle
from recommender.training.golden import Golden
from workbench.load import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import httpx

    from course.exam import Examined

__all__ = ["drain", "executor_metrics", "logs", "metrics", "sla", "step_failure", "stock", "traces"]

_RIGHT, _WRONG = 12, 3
_LONGEST_S: Final = 5.0
_STEP_LOST: Final = {"ok", "HTTP 502", "HTTP 503", "HTTP 504"}
_SECRET: Final = 2_034_719_851
"""A user's id that no other request has, to be looked for in the logs."""


def sla(examined: Examined) -> str:
    """The rate and the p99 of ``sla.toml``, in open loop."""
    return keep_sla(examined, Path(__file__).parents[3] / "sla.toml")


def stock(examined: Examined) -> str:
    """The best item is sold out: the next answer has it no more, and it is back in the one after it is in stock."""
    oracle = Oracle(examined.facts["settings"])
    shelf, user = oracle.inventory(), examined.draw("stock").choice(Golden(oracle.settings.served_dirs).users)
    before = _ids(examined, user)
    demand(before, f"user {user} gets no items")
    shelf.set_out(before[:1], out=True)
    try:
        without = _ids(examined, user)
    finally:
        shelf.set_out(before[:1], out=False)
    demand(before[0] not in without, f"item {before[0]} is sold out, and still recommended to user {user}")
    demand(without[: len(before) - 1] == before[1:], f"without item {before[0]} the others change places")
    demand(_ids(examined, user) == before, f"item {before[0]} is in stock again, and does not come back")
    return f"item {before[0]} left the next answer when it was sold out, and came back"


def _ids(examined: Examined, user: int) -> list[int]:
    return [each["id"] for each in wanted(examined, user=user, k=5)["jsonData"]["items"]]


def step_failure(examined: Examined) -> str:
    """The model's servers are killed under load: callers are told which step is lost, at once, until it is back."""
    log, step = CallLog(patience_s=examined.patience_s), _model(examined)
    with mended(examined):
        with calling(examined, Request(PATH, _body()), log, 20):
            kill(examined, step, inside=True)
            log.begin()
        log.demand_recovery(f"{step} killed")
    strange = {name: count for name, count in log.outcomes.items() if name not in _STEP_LOST}
    demand(not strange, f"with {step} lost, callers got {strange}; expected 502 to 504 alone")
    unnamed = [body for body in log.bodies if b"step model" not in body]
    demand(not unnamed, f"{len(unnamed)} errors do not name the step that is lost: {unnamed[:1]}")
    demand(log.slowest_s < _LONGEST_S, f"with {step} lost, a caller waited {log.slowest_s:.1f} s")
    return f"answers again {log.recovered_s:.1f} s after {step} was killed; callers got {log.said()}"


def _model(examined: Examined) -> str:
    names = [each.name for each in examined.processes.processes if each.name.startswith("model")]
    if not names:
        raise ShortfallError("the level has no process for the step model")
    return names[0]


def drain(examined: Examined) -> str:
    """SIGTERM to the router while eight connections ask without a pause."""
    return judge_drain(examined, "router", PATH, _body())


def metrics(examined: Examined) -> str:
    """A known number of right and wrong requests, counted by the router, the executor's metrics and the steps."""
    before, after = _asked(examined)
    _demand_executors(before, after, ("model",))
    for code, count in (("200", _RIGHT), ("422", _WRONG)):
        after.demand_rise(before, count, "serving_request_duration_seconds_count", endpoint=PATH, code=code)
    for step in STEPS:
        after.demand_rise(before, _RIGHT, "serving_step_duration_seconds_count", step=step)
    for name in ("serving_requests_in_flight", "serving_model_info"):
        demand(after.has(name), f"no metric {name}")
    return f"{_RIGHT + _WRONG} requests, counted by code and by each of {len(STEPS)} steps"


def executor_metrics(examined: Examined) -> str:
    """In a cluster: the same requests, counted by Seldon's executor, its calls of each step among them."""
    _demand_executors(*_asked(examined), STEPS)
    return f"{_RIGHT + _WRONG} requests, counted by code and by each of {len(STEPS)} steps, in the executor's metrics"


def _asked(examined: Examined) -> tuple[Metrics, Metrics]:
    """The metrics before and after a known number of right and wrong requests."""
    before = Metrics(examined)
    for _ in range(_RIGHT):
        wanted(examined, user=1, k=1)
    for _ in range(_WRONG):
        examined.http.post(PATH, json={"jsonData": {}})
    return before, Metrics(examined)


def _demand_executors(before: Metrics, after: Metrics, steps: Iterable[str]) -> None:
    for code, count in (("200", _RIGHT), ("422", _WRONG)):
        served = {"service": "predictions", "code": code}
        after.demand_rise(before, count, "seldon_api_executor_server_requests_seconds_count", **served)
    for step in steps:
        after.demand_rise(before, _RIGHT, "seldon_api_executor_client_requests_seconds_count", model_name=step)


def traces(examined: Examined) -> str:
    """A request with a traceparent: the caller's trace has a span for each step."""
    return judge_trace(examined, _sender(examined, _body()), {f"POST {PATH}", *STEPS})


def logs(examined: Examined) -> str:
    """A request's line in the log, without what was in its body."""
    return judge_log_files(examined, _sender(examined, _body(_SECRET)), str(_SECRET))


def _body(user: int = 1) -> bytes:
    return msgspec.json.encode({"jsonData": {"user": user, "k": 5}})


def _sender(examined: Examined, body: bytes) -> Callable[[Mapping[str, str]], httpx.Response]:
    return lambda headers: examined.http.post(
        PATH, content=body, headers={"content-type": "application/json", **headers}
    )
