"""How level 3 runs: in time, under too much load, without a model, through a stop; and what it tells of itself."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from course.exam import NotJudgedError, demand
from course.exam.sla_part import keep_sla
from course.exam.stops import CallLog, calling, mended, process_of
from course.exam.telemetry import Metrics, judge_audit, judge_log_files, judge_trace
from shop.commands.exam.questions import Questions, ask
from shop.commands.failures import OfferedLoad, cause
from shop.endpoints import PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.load.offering import encoded, engine_for, offer
from shop.load.workers import LoadWorkers
from workbench.load import Phase, Request
from workbench.stack import control

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from course.exam import Examined
    from shop.load.answered import Offered
    from shop.load.offering import Message

__all__ = ["audit", "drain", "logs", "lost_model", "metrics", "overload", "sla", "traces"]

_DEGRADED: Final = 0.005
_CLIMB: Final = (800.0, 1600.0, 3200.0, 6400.0, 12_800.0)
_SECONDS: Final = 3.0
_SHED: Final = 0.05
_ACCEPTED_S: Final = 0.5
_RIGHT, _WRONG = 12, 3
_TRIES: Final = 5
_SECRET: Final = 731.0968


def sla(examined: Examined) -> str:
    """The rate and the p99 of ``sla.toml``, in open loop; no more than one answer in 200 may be a fallback's."""
    return keep_sla(examined, Path(__file__).parents[3] / "sla.toml", lambda: _fallbacks(examined))


def _fallbacks(examined: Examined) -> Callable[[], str]:
    """When it is called, it says that too many answers since now were a fallback's; nothing where are no metrics."""
    before = Metrics(examined)

    def since() -> str:
        after, name, count = Metrics(examined), "serving_degraded_total", "serving_request_duration_seconds_count"
        asked = after.total(count, code="200") - before.total(count, code="200")
        degraded = after.total(name) - before.total(name)
        return f"{degraded:g} of {asked:g} answers were a fallback's" if degraded > _DEGRADED * asked else ""

    return since


def overload(examined: Examined) -> str:
    """More and more load, until some is turned away: what is let in is answered in time, and nothing fails."""
    port = examined.facts["addresses"].port
    messages = encoded(port, Questions(examined.facts["addresses"], examined.draw("overload")).requests(3000))
    with LoadWorkers(port, messages) as workers:
        for rate in _CLIMB:
            offered = workers.offer(Phase(rate, _SECONDS))
            _stands(offered)
            if offered.shed >= _SHED * len(offered.answers):
                break
        else:
            raise NotJudgedError(f"not even {_CLIMB[-1]:g} requests a second were too many for it")
    with engine_for(port) as engine:
        calm = offer(engine, cycle(messages), [Phase(20, _SECONDS)])
    good = calm.count(200)
    demand(good >= 0.9 * len(calm.answers), f"afterwards only {good} of {len(calm.answers)} calm requests are answered")
    share = offered.shed / len(offered.answers)
    return (
        f"at {rate:g}/s {share:.0%} turned away with 429, the rest within {offered.accepted_p99_s * 1e3:.0f} ms (p99)"
    )


def _stands(offered: Offered) -> None:
    failed, late_s = offered.failed, offered.accepted_p99_s
    rate = f"at {offered.rate_rps:g}/s"
    demand(not failed, f"{rate} {failed} of {len(offered.answers)} requests fail or get no answer within 2 s")
    demand(late_s <= _ACCEPTED_S, f"{rate} what is let in takes {late_s * 1e3:.0f} ms (p99): too much is let in")


def lost_model(examined: Examined) -> str:
    """Triton is killed under load: fallbacks answer, nobody gets an error, and the models are back in time."""
    load = OfferedLoad(examined.facts["addresses"].port, _messages(examined, "kill"), 50)
    with mended(examined):
        outage = cause(examined.processes, "triton", load, 2, examined.patience_s)
    demand(not outage.failed, f"without Triton {outage.failed} of {outage.requests} requests failed")
    demand(outage.recovery_s <= examined.patience_s, f"the models are not back {outage.recovery_s:.0f} s after a kill")
    degraded = f"{outage.degraded} of {outage.requests} answers a fallback's"
    return f"Triton killed: {degraded}, whole again in {outage.recovery_s:.1f} s"


def drain(examined: Examined) -> str:
    """One gateway of two is stopped and started under load: the edge's callers notice nothing."""
    process, log = process_of(examined, "gateway-0"), CallLog(8, examined.patience_s)
    question = Questions(examined.facts["addresses"], examined.draw("drain")).recommendation()
    request = Request(RECOMMENDATIONS.path, msgspec.json.encode(question))
    with mended(examined), calling(examined, request, log):
        log.begin()
        control.halt(examined.processes, process)
        control.launch(examined.processes, process)
    demand(not log.bad, f"while gateway-0 was stopped, callers got {log.said()}")
    return f"gateway-0 stopped and started under load: {log.said()}"


def metrics(examined: Examined) -> str:
    """A known number of right and wrong requests, counted by the gateways with model, version and code."""
    before, questions = Metrics(examined), Questions(examined.facts["addresses"], examined.draw("metrics"))
    statuses = [ask(examined, questions.payment()).status_code for _ in range(_RIGHT)]
    wrong = msgspec.structs.replace(questions.payment(), amount=-1.0)
    statuses += [ask(examined, wrong).status_code for _ in range(_WRONG)]
    searched = sum(ask(examined, questions.search()).status_code == 200 for _ in range(_RIGHT))  # noqa: PLR2004
    after, count = Metrics(examined), "serving_request_duration_seconds_count"
    for code in sorted(set(statuses)):
        after.demand_rise(before, statuses.count(code), count, endpoint=PAYMENTS.path, code=str(code))
    after.demand_rise(before, searched, count, endpoint=SEARCH.path, model=SEARCH.model, code="200")
    answered = {"endpoint": PAYMENTS.path, "result": "answered"}
    after.demand_rise(before, len(statuses), "serving_requests_total", **answered)
    # once is enough: on a busy machine a request may miss its deadline before it comes to a step
    for step in ("lookup", "features", "infer"):
        after.demand_rise(before, 1, "serving_step_duration_seconds_count", step=step)
    for name in ("serving_requests_in_flight", "serving_model_info", "serving_concurrency_limit", "serving_shed_total"):
        demand(after.has(name), f"no metric {name}")
    asked = len(examined.metrics)
    over = f"{asked} gateway{'' if asked == 1 else 's'}"
    return f"{len(statuses) + _RIGHT} requests over {over}, counted by model and code"


def traces(examined: Examined) -> str:
    """A request with a traceparent: the caller's trace has the look-up, the features and the model."""
    send = _sender(examined, _payment(examined, "traces"))

    def computed(headers: Mapping[str, str]) -> httpx.Response:
        """A fallback's answer may have no span of the model; the next request belongs to the same trace."""
        for _ in range(_TRIES):
            answer = send(headers)
            if "x-degraded" not in answer.headers:
                break
        return answer

    return judge_trace(examined, computed, {f"POST {PAYMENTS.path}", "lookup", "features", "infer"})


def logs(examined: Examined) -> str:
    """A request's line in a gateway's log, without what was in its body."""
    return judge_log_files(examined, _sender(examined, _payment(examined, "logs", _SECRET)), str(_SECRET))


def audit(examined: Examined) -> str:
    """A payment's line in the audit log, whose hashes hold."""
    return judge_audit(examined, _sender(examined, _payment(examined, "audit")))


def _payment(examined: Examined, purpose: str, amount: float | None = None) -> bytes:
    payment = Questions(examined.facts["addresses"], examined.draw(purpose)).payment()
    return msgspec.json.encode(msgspec.structs.replace(payment, amount=amount) if amount else payment)


def _messages(examined: Examined, purpose: str) -> list[Message]:
    addresses = examined.facts["addresses"]
    return encoded(addresses.port, Questions(addresses, examined.draw(purpose)).requests(600))


def _sender(examined: Examined, body: bytes) -> Callable[[Mapping[str, str]], httpx.Response]:
    return lambda headers: examined.http.post(
        PAYMENTS.path, content=body, headers={"content-type": "application/json", **headers}
    )
