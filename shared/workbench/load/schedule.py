"""When requests are meant to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

__all__ = ["Phase", "arrivals"]


class Phase(NamedTuple):
    """So many requests a second on average, for so many seconds; steps and bursts are phases in a row."""

    rate_rps: float
    seconds: float = float("inf")


def arrivals(profile: Sequence[Phase], random: Random) -> Iterator[float]:
    """Intended starts in seconds from 0: independent exponential gaps, so users who know nothing of each other.

    Each phase has its own rate, and follows the one before without a pause.
    """
    began = 0.0
    for phase in profile:
        at = began + random.expovariate(phase.rate_rps)
        while at < began + phase.seconds:
            yield at
            at += random.expovariate(phase.rate_rps)
        began += phase.seconds  # a Poisson process has no memory: the next phase begins anew
