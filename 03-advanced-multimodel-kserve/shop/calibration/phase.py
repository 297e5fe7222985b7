"""A stretch of load, and the CPU that it cost each process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from servekit.errors import NotReadyError
from shop.calibration.sent import SentRequests, send
from workbench.load import describe_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.calibration.bench import Bench
    from shop.calibration.processes import Usage
    from workbench.sla import Request

__all__ = ["MeasuredPhase", "measure", "together"]

_FAILED: Final = 0.05


class MeasuredPhase(NamedTuple):
    """The requests of a stretch, and what the processes used meanwhile."""

    sent: SentRequests
    used: Usage

    @property
    def others(self) -> float:
        """The share of the machine's CPU that other programs used."""
        return self.used.others


def measure(bench: Bench, requests: Sequence[Request], rate_rps: float, seed: int) -> MeasuredPhase:
    """Send the requests as Poisson arrivals.

    Raises:
        NotReadyError: more than 5 % of them fail; on a busy machine the edge sheds a few.
    """
    before = bench.processes.usage()
    sent = send(bench.url, requests, rate_rps, seed)
    used = bench.processes.usage().since(before)
    failed = sent.outcome[sent.outcome != 0]
    if len(failed) > _FAILED * len(requests):
        share, first = len(failed) / len(requests), describe_outcome(int(failed[0]))
        raise NotReadyError(bench.url, None, f"{share:.0%} of the requests failed ({first}), expected at most 5 %")
    return MeasuredPhase(sent, used)


def together(phases: Sequence[MeasuredPhase]) -> np.typing.NDArray[np.float64]:
    """The latencies of all that were answered, in seconds."""
    return np.concatenate([phase.sent.answered_s for phase in phases])
