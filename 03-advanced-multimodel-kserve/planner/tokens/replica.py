"""One replica of a language model under load: what callers see at a rate, and the largest rate that keeps a promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec

from planner.tokens.simulation import Door, simulate
from planner.tokens.traffic import Lengths, open_loop
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from planner.tokens.scheduler import EngineShape
    from planner.tokens.simulation import Totals
    from planner.tokens.step_cost import StepCost

__all__ = ["Replica", "ReplicaLoad", "TokenPromise"]

_REPORTED: Final = 1000
_TRIED: Final = 400
_HALVINGS: Final = 7
_SEED: Final = 1
_QUIET: Final = 0.02

Positive = Annotated[float, msgspec.Meta(gt=0)]


class TokenPromise(msgspec.Struct, frozen=True, kw_only=True):
    """What 99 of 100 callers are promised: a first token within ``ttft_ms``, then one every ``tpot_ms`` on average."""

    ttft_ms: Positive = 1000
    tpot_ms: Positive = 250


class ReplicaLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One replica at a rate, simulated: milliseconds, tokens of answers a second, shares from 0 to 1.

    ``goodput`` is the share of requests that keep the promise; ``running`` counts sequences, on average.
    """

    rate_rps: float
    ttft_p50_ms: float
    ttft_p99_ms: float
    tpot_p50_ms: float
    tpot_p99_ms: float
    tokens_per_s: float
    goodput: float
    running: float
    kv_peak: float
    preemptions: int


class Replica(NamedTuple):
    """An engine, the traffic that it gets, and the promise that it has to keep.

    ``together``: sequences are computed together; without, one is answered after the other.
    """

    cost: StepCost
    shape: EngineShape
    lengths: Lengths
    promise: TokenPromise
    together: bool = True

    def at(self, rate_rps: float, requests: int = _REPORTED) -> ReplicaLoad:
        """What so many simulated requests at this rate see."""
        totals, promise = self._simulated(rate_rps, requests), self.promise
        times = totals.ttft_s(0.5), totals.ttft_s(0.99), totals.tpot_s(0.5), totals.tpot_s(0.99)
        ttft_p50, ttft_p99, tpot_p50, tpot_p99 = (round(each * 1e3, 1) for each in times)
        return ReplicaLoad(
            rate_rps=round(rate_rps, 3),
            ttft_p50_ms=ttft_p50,
            ttft_p99_ms=ttft_p99,
            tpot_p50_ms=tpot_p50,
            tpot_p99_ms=tpot_p99,
            tokens_per_s=round(totals.tokens_per_s, 1),
            goodput=round(totals.goodput(promise.ttft_ms / 1e3, promise.tpot_ms / 1e3), 4),
            running=round(totals.running, 2),
            kv_peak=round(totals.kv_peak, 4),
            preemptions=totals.preemptions,
        )

    def keeps(self, rate_rps: float) -> bool:
        """Whether it keeps the promise at this rate."""
        found = self.at(rate_rps, _TRIED)
        return found.ttft_p99_ms <= self.promise.ttft_ms and found.tpot_p99_ms <= self.promise.tpot_ms

    def largest_rate(self, bound_rps: float) -> float:
        """The largest rate up to the bound, in requests a second, at which it keeps the promise.

        Each rate is tried with the same requests in the same order, only closer together, so a larger one is worse.

        Raises:
            InvalidValueError: it does not even keep it at a fiftieth of the bound.
        """
        low, high = bound_rps * _QUIET, bound_rps
        if not self.keeps(low):
            found = self.at(low, _TRIED)
            seen = f"first token {found.ttft_p99_ms:g} ms, per token {found.tpot_p99_ms:g} ms with almost no load"
            shown = f"{self.promise.ttft_ms:g} ms, {self.promise.tpot_ms:g} ms"
            raise InvalidValueError("promise", shown, f"expected more than {seen}")
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.keeps(middle) else (low, middle)
        return low

    def _simulated(self, rate_rps: float, count: int) -> Totals:
        requests = open_loop(rate_rps, count / rate_rps, self.lengths, _SEED)
        door = Door(self.shape.kv_tokens if self.together else 1)
        return simulate(requests, self.shape, self.cost, seed=_SEED, door=door)
