"""Load that changes at once: steps, bursts, a cold cache.

A generator that climbs slowly is kind to a limit that learns: every rate finds it where the rate before has left it.
Real load does not climb. Each change here begins in the middle of a run, without a pause, and what counts is how much
of what fits is answered in time once two seconds have passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from shop.serving.stores import connect
from workbench.load import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shop.addresses import Addresses
    from shop.load.workers import LoadWorkers

__all__ = ["CHANGES", "KEPT", "SETTLED_S", "ChangeResult", "LoadChange", "change_load", "forget"]

SETTLED_S: Final = 2.0
"""Seconds after a change that a limit may take to find its place."""

KEPT: Final = 0.9
"""Share of what fits that must be answered in time from then on."""

_BEFORE_S: Final = 3.0
_AFTER_S: Final = 6.0
_BURST_S: Final = 0.5


class LoadChange(NamedTuple):
    """From one share of the peak to another; ``bursts`` go back and forth, each half a second long."""

    name: str
    before: float
    after: float
    cold: bool = False
    bursts: bool = False

    def profile(self, peak_rps: float) -> list[Phase]:
        """The phases of the load, for a peak of ``peak_rps``."""
        low, high = self.before * peak_rps, self.after * peak_rps
        if not self.bursts:
            return [Phase(low, _BEFORE_S), Phase(high, SETTLED_S + _AFTER_S)]
        pairs = int((SETTLED_S + _AFTER_S) / (2 * _BURST_S))
        return [Phase(low, _BEFORE_S), *[Phase(rate, _BURST_S) for _ in range(pairs) for rate in (high, low)]]

    def fits(self) -> float:
        """What can be answered after the change, as a share of the peak: with a warm cache, if it is more than that."""
        if self.bursts:
            return (min(self.after, 1.0) + self.before) / 2
        return min(self.after, 1.0)


CHANGES: Final = (
    LoadChange("step up, cache warm", 0.1, 0.8),
    LoadChange("another step up", 0.5, 0.9),
    LoadChange("step to twice the peak", 0.1, 2.0),
    LoadChange("step down from it", 2.0, 0.5),
    LoadChange("bursts", 0.1, 1.5, bursts=True),
    # last: the peak was measured with a cache that this one empties
    LoadChange("step up, cache cold", 0.1, 0.8, cold=True),
)


class ChangeResult(msgspec.Struct, frozen=True):
    """The result of one change; shares are of the rate that the level can answer."""

    name: str
    before_rps: float
    after_rps: float
    fits_rps: float
    at_once: float
    settled: float
    accepted_p99_ms: float
    shed: float
    failed: int

    @property
    def holds(self) -> bool:
        """Whether enough was answered in time once the limit had its time, and nothing failed."""
        return self.settled >= KEPT and not self.failed


def change_load(
    workers: LoadWorkers, peak_rps: float, limit_s: float, forget: Callable[[], Any]
) -> Iterator[ChangeResult]:
    """Offer every change of `CHANGES`.

    Args:
        workers: the generator.
        peak_rps: the most that the level answers in time.
        limit_s: what in time is.
        forget: empties the cache.
    """
    for change in CHANGES:
        if change.cold:
            forget()
        profile, fits = change.profile(peak_rps), change.fits() * peak_rps
        offered = workers.offer(*profile)
        first = offered.between(_BEFORE_S, _BEFORE_S + SETTLED_S)
        rest = offered.between(_BEFORE_S + SETTLED_S, _BEFORE_S + SETTLED_S + _AFTER_S)
        # fewer may have come than were meant to: arrivals are chance
        came = min(fits, rest.rate_rps) if not change.bursts else fits
        yield ChangeResult(
            name=change.name,
            before_rps=round(profile[0].rate_rps, 1),
            after_rps=round(profile[1].rate_rps, 1),
            fits_rps=round(came, 1),
            at_once=round(first.goodput_rps(limit_s) / came, 3),
            settled=round(rest.goodput_rps(limit_s) / came, 3),
            accepted_p99_ms=round(rest.accepted_p99_s * 1e3, 1),
            shed=round(rest.shed / max(len(rest.answers), 1), 3),
            failed=offered.failed,
        )


def forget(addresses: Addresses) -> None:
    """Empties the inference cache of this machine's level."""
    with connect(addresses, "cache") as cache:
        cache.flushall()
