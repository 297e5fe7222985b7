"""What a closed-loop tester would have seen of an open-loop run."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from workbench.sla.result import ClosedLoop

if TYPE_CHECKING:
    from workbench.sla.samples import Samples

__all__ = ["closed_loop", "closed_loop_waits"]


def closed_loop(window: Samples, rate_rps: float) -> ClosedLoop:
    """Replay the run as if users waited for their answers, and report what they would have reported."""
    if not len(window):
        return ClosedLoop()
    users, waits = closed_loop_waits(window, rate_rps)
    p50, p99, p999 = np.percentile(waits, [50, 99, 99.9]) * 1e3
    return ClosedLoop(
        users=users,
        p50_ms=round(float(p50), 3),
        p99_ms=round(float(p99), 3),
        p999_ms=round(float(p999), 3),
        omitted=round(1 - len(waits) / len(window), 4),
    )


def closed_loop_waits(window: Samples, rate_rps: float) -> tuple[int, npt.NDArray[np.float64]]:
    """The number of closed-loop users, and the seconds from send to answer of the requests they would have sent.

    A closed-loop user sends nothing while it waits, so a request whose time comes when every user waits is never
    sent; and it starts the clock when it sends. There are as many users as a tester would have chosen who tried a few
    requests first: the rate × the usual latency, which is the median, at least one. That is not Little's law: L = λW
    takes the mean, and the mean of a run that stalled has the stall in it, which nobody knows beforehand.
    """
    ordered = window[np.argsort(window["intended_s"])]
    waits = np.maximum(ordered["latency_s"] - ordered["lag_s"], 0.0)
    users = max(1, math.ceil(rate_rps * float(np.median(waits))))
    return users, waits[_sent(ordered["intended_s"].tolist(), waits.tolist(), users)]


def _sent(starts: list[float], waits: list[float], users: int) -> list[int]:
    free = [0.0] * users
    sent = []
    for index, (start, wait) in enumerate(zip(starts, waits, strict=True)):
        if free[0] <= start:
            heapq.heapreplace(free, start + wait)
            sent.append(index)
    return sent
