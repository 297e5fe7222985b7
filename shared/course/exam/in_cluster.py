"""The parts of an exam of a level in a cluster: its pods are restarted and killed under load, and their logs read.

The load comes from a pod beside the level's, because a forwarded port ends with the pod that it leads to. These parts
need rights there; where one is missing, the criterion is left out with its name.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from course.exam.examined import ClusterPlace, NotJudgedError, demand
from course.exam.stops import CallLog
from course.exam.telemetry import judge_logs
from workbench.cluster.reach import reached_context
from workbench.cluster.shell import ClusterError
from workbench.cluster.target import KubeContext, missing_rights
from workbench.cluster.workload import CALLING, DELETING, READING, RESTARTING, Answered, Calls, Workload, images_in
from workbench.load import Answer, Failure
from workbench.versions import cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from course.exam.examined import ClusterService, Examined
    from course.exam.telemetry import Ask
    from workbench.load import Request

__all__ = ["describe_place", "judge_killed_pod", "judge_pod_logs", "judge_restart", "place_of"]

_FAILURES: Final = {"TimeoutError": Failure.TIMEOUT, "ConnectionRefusedError": Failure.REFUSED}
_QUIET_S: Final = 5.0
"""A pod that is deleted may go on for a second or two: all is well only after it has been well for longer."""

_ROLLOUT_S: Final = 180
_FIRST_S: Final = 20.0
_LAST_S: Final = 3.0
"""A request that is lost is said to be so after two seconds."""

_LOOK_S: Final = 0.1


def place_of(level: int, served: ClusterService) -> ClusterPlace | None:
    """Where the level is whose ports are forwarded to this command; None where none are."""
    context = reached_context()
    return None if context is None else ClusterPlace(KubeContext(context), cluster(level).profile, served)


def describe_place(place: ClusterPlace) -> dict[str, Any]:
    """What a certificate says of it: context, namespace and the images that run there, with their digests."""
    try:
        images = images_in(place.target, place.namespace)
    except ClusterError as problem:
        images = [f"not known: {problem}"]
    return {"context": place.target.context, "namespace": place.namespace, "images": images}


def judge_restart(examined: Examined, request: Request) -> str:
    """Has every pod replaced under load, as a new version would; each request must be answered well.

    Raises:
        NotJudgedError: a right is missing, or the requests do not reach the level.
        ShortfallError: a request was lost or failed, or the new pods do not get ready.
    """
    log = CallLog(patience_s=_ROLLOUT_S)
    with _watched(examined, request, log, *RESTARTING) as workload:
        before = workload.pods()
        log.begin()
        workload.restart()
        ready = workload.settled(_ROLLOUT_S)
        until = time.monotonic() + _ROLLOUT_S
        while ready and set(before) & set(workload.pods()) and time.monotonic() < until:
            time.sleep(_LOOK_S)
        time.sleep(_LAST_S)
    demand(ready, f"{workload}: not rolled out again within {_ROLLOUT_S} s")
    demand(log.outcomes["ok"], "nobody was answered while the pods were replaced")
    demand(not log.bad, f"while the pods were replaced, callers got {log.said()}")
    return f"pods replaced under load ({len(before)}); none of {log.outcomes.total()} requests lost"


def judge_killed_pod(examined: Examined, request: Request) -> str:
    """Deletes a pod under load, with no time to end: another must take its place, and answer.

    Raises:
        NotJudgedError: a right is missing, or the requests do not reach the level.
        ShortfallError: the callers are not answered again in time.
    """
    log = CallLog(_QUIET_S, examined.patience_s)
    with _watched(examined, request, log, *DELETING) as workload:
        count = len(workload.pods())
        log.begin()
        workload.kill_pod()
        while not log.over():
            time.sleep(_LOOK_S)
        workload.settled(_ROLLOUT_S)
    log.demand_recovery("killed")
    return f"one pod of {count} killed; answers again {log.recovered_s:.1f} s later, callers got {log.said()}"


def judge_pod_logs(examined: Examined, ask_with: Ask, secret: str) -> str:
    """Sends a request, and finds its line in what the pods logged.

    Raises:
        NotJudgedError: a right is missing.
        ShortfallError: as `judge_logs` raises it.
    """
    with _judged():
        workload = _workload(examined.in_cluster, *READING)
        return judge_logs(examined, ask_with, secret, lambda: {"the pods' log": workload.logs()}, workload)


def _workload(place: ClusterPlace, *rights: tuple[str, str]) -> Workload:
    workload = Workload(place.target, place.namespace, place.served.deployment)
    if missing := missing_rights(place.target, workload.rights(*rights)):
        listed = ", ".join(f"{each.verb} {each.resource}" for each in missing)
        raise NotJudgedError(f"{place}: a right is missing: {listed}")
    return workload


@contextmanager
def _judged() -> Iterator[None]:
    """What kubectl refuses says nothing about the level."""
    try:
        yield
    except ClusterError as problem:
        raise NotJudgedError(str(problem)) from None


@contextmanager
def _watched(examined: Examined, request: Request, log: CallLog, *rights: tuple[str, str]) -> Iterator[Workload]:
    """Requests from a pod that are answered well when the block begins, and go on until it ends."""
    with _judged():
        place = examined.in_cluster
        workload, served = _workload(place, *CALLING, *rights), place.served
        url = f"http://{served.service}.{workload.namespace}.svc:{served.port}{request.path}"
        headers = {**request.headers, **examined.headers}
        first = CallLog()
        first.begin()
        with workload.called(Calls(url, request.body, headers, labels=served.labels), _told(log, first)):
            until = time.monotonic() + _FIRST_S
            while not first.outcomes["ok"]:
                if time.monotonic() > until:
                    raise NotJudgedError(f"from a pod beside it {url} gives no good answer: {first.said()}")
                time.sleep(_LOOK_S)
            yield workload


def _told(*logs: CallLog) -> Callable[[Answered], None]:
    def heard(answered: Answered) -> None:
        status = answered.status or _FAILURES.get(answered.problem, Failure.BROKEN)
        for log in logs:
            log.heard(Answer(0, 0, answered.seconds, status))

    return heard
