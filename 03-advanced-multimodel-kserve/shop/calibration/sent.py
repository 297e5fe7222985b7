"""Given requests, each sent once as Poisson arrivals from this very process."""

from __future__ import annotations

import gc
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from workbench.load import Engine, Phase, Send, arrivals, encode, open_loop

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from workbench.load import Answer, Request

__all__ = ["SentRequests", "send"]

_CONNECTIONS: Final = 128
_TIMEOUT_S: Final = 5.0


class SentRequests(NamedTuple):
    """Every request, in the order of their ends: seconds from intended start to last byte, and outcome.

    ``outcome`` is 0 for a 2xx, else as in `workbench.load.Answer`; ``size`` the bytes of the answer's body.
    """

    latency_s: npt.NDArray[np.float64]
    outcome: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    duration_s: float

    @property
    def requests(self) -> int:
        """How many there were."""
        return len(self.latency_s)

    @property
    def answered_s(self) -> npt.NDArray[np.float64]:
        """The latencies of those that were answered with a 2xx."""
        return np.asarray(self.latency_s[self.outcome == 0])

    @property
    def rate_rps(self) -> float:
        """The rate at which they were sent, in requests per second."""
        return self.requests / self.duration_s


def send(url: str, requests: Iterable[Request], rate_rps: float, seed: int) -> SentRequests:
    """Send each request once and wait for the last answer."""
    rows: list[tuple[float, int, int]] = []

    def note(answer: Answer) -> None:
        rows.append((answer.latency_s, answer.outcome, len(answer.body)))

    # The generator's own collections would be measured as the server's latency.
    gc.collect()
    gc.disable()
    try:
        with Engine(url, connections=_CONNECTIONS, timeout_s=_TIMEOUT_S) as engine:
            due = arrivals([Phase(rate_rps)], Random(seed))  # noqa: S311 - a load pattern, not a secret
            wires = (encode(request, engine.host) for request in requests)
            open_loop(engine, (Send(at_s, wire, note) for wire, at_s in zip(wires, due, strict=False)))
            engine.drain()
            duration_s = engine.now()
    finally:
        gc.enable()
    latency_s, outcome, size = np.array(rows, dtype=float).reshape(-1, 3).T
    return SentRequests(latency_s, outcome.astype(int), size.astype(int), duration_s)
