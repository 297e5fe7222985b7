"""Poisson arrivals of given requests, sent from this very process: latency counts from the intended start.

The engine is `workbench.sla`'s own (its kernel timer, its connections), without Locust around it.
"""

from __future__ import annotations

import gc
import time
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from gevent.pool import Group

from workbench.load import Failure
from workbench.sla.arrivals import Alarm, poisson
from workbench.sla.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.sla import Request

__all__ = ["Sent", "send"]

_CONNECTIONS: Final = 128
_TIMEOUT_S: Final = 5.0


class Sent(NamedTuple):
    """Every request, in the order of their ends: its number, seconds from intended start to last byte, and outcome.

    ``outcome`` is 0 for a 2xx, else as in `workbench.sla.samples`; ``size`` the bytes of the answer's body.
    """

    number: npt.NDArray[np.int64]
    latency_s: npt.NDArray[np.float64]
    outcome: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    duration_s: float

    @property
    def answered_s(self) -> npt.NDArray[np.float64]:
        """The latencies of those that were answered with a 2xx."""
        return np.asarray(self.latency_s[self.outcome == 0])

    @property
    def rate_rps(self) -> float:
        """Requests a second."""
        return len(self.number) / self.duration_s


def send(url: str, requests: Iterable[Request], rate_rps: float, seed: int) -> Sent:
    """Send each request once and wait for the last answer."""
    connections = Connections(url, _CONNECTIONS)
    flight, rows, unanswered = Group(), [], dict[int, float]()
    # The generator's own collections would be measured as the server's latency.
    gc.collect()
    gc.disable()
    try:
        start = time.monotonic()

        def exchange(number: int, request: Request, intended: float) -> None:
            unanswered[number] = intended
            answer = connections.send(request, intended + _TIMEOUT_S)
            del unanswered[number]
            rows.append((number, time.monotonic() - intended, answer.outcome, len(answer.body)))

        with Alarm() as alarm:
            arrivals = poisson(rate_rps, Random(seed))  # noqa: S311 - a load pattern, not a secret
            for number, (request, arrival) in enumerate(zip(requests, arrivals, strict=False)):
                while time.monotonic() < start + arrival:
                    alarm.sleep_until(start + arrival)
                flight.spawn(exchange, number, request, start + arrival)
            flight.join(timeout=_TIMEOUT_S + 1)
        now = time.monotonic()
        flight.kill(block=False)
        rows += [(number, now - intended, Failure.TIMEOUT, 0) for number, intended in unanswered.items()]
        duration = now - start
    finally:
        gc.enable()
        connections.close()
    columns = np.array(rows, dtype=float).reshape(-1, 4).T
    return Sent(columns[0].astype(int), columns[1], columns[2].astype(int), columns[3].astype(int), duration)
