"""How far the alerts on failures can be believed: their rules on simulated traffic, looked at every 15 s for days.

Requests arrive as a Poisson process and fail independently of each other, as they do not in an outage: what is counted
here is what chance alone does to the alerts, and how long they take for a failure that is really there. The rules are
evaluated as Prometheus does it, with the same numbers (`workbench.observe.objectives`); a test holds both against each
other, look by look.

`CanaryErrors` pages on 0.7 % of days (95 % interval 0.2 to 2.4 %) for two versions that fail alike, in 1 % of their
requests, at 0.15 requests/s each, and on fewer than 1.3 % at 0.5 requests/s. (More than 2 points within 5 minutes, as a
rule without counts has it, happens on every day and on half of them.) A canary that fails in 10 % of its requests where
the stable version fails in 1 % is found within 30 minutes in 99 of 100 cases when it gets 0.15 requests/s, and within
10 minutes when it gets 0.5; within 25 when it did well for hours before.

`ErrorBudgetBurn` does not page for what the objective allows, 0.1 % of the requests, at 36 requests an hour; an outage
there is found with its tenth failure, after a quarter of an hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from workbench.observe.objectives import CANARY_ERRORS, ERROR_BUDGET, LEAST_SPENT
from workbench.verdicts import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["PAGES", "Burn", "Traffic", "burns", "canary_errors", "characteristics", "fires", "increase", "simulated"]

_LOOK_S: Final = 15
_HOUR_S, _MINUTE_S, _DAY_MINUTES = 3600, 60, 1440
_CANARY, _BURN = "alert CanaryErrors", "alert ErrorBudgetBurn"


class Traffic(NamedTuple):
    """What a server has counted since its start, at each look: two arrays (runs, looks)."""

    requests: NDArray[np.float64]
    failures: NDArray[np.float64]

    def within(self, looks: int) -> Traffic:
        """What it counted in the last so many looks: PromQL's ``increase``."""
        return Traffic(increase(self.requests, looks), increase(self.failures, looks))

    @property
    def share(self) -> NDArray[np.float64]:
        """Of its requests, those that failed; NaN of none."""
        with np.errstate(invalid="ignore"):
            return self.failures / self.requests


class Burn(NamedTuple):
    """One of `ErrorBudgetBurn`'s alerts: how fast the budget goes, and over which windows, in seconds."""

    factor: float
    long_s: int
    short_s: int


PAGES = {"1h": Burn(14.4, _HOUR_S, 5 * _MINUTE_S), "6h": Burn(6, 6 * _HOUR_S, 30 * _MINUTE_S)}
"""Those that page, by their label ``window``."""


def simulated(rng: np.random.Generator, rate: float, shares: NDArray[np.float64], look_s: int, runs: int) -> Traffic:
    """A server's counts, from 0.

    Args:
        rng: the chance.
        rate: requests a second.
        shares: of the requests before each look, how many fail: (looks,).
        look_s: seconds from one look to the next.
        runs: how many such servers.
    """
    requests = rng.poisson(rate * look_s, (runs, len(shares)))
    failures = rng.binomial(requests, shares)
    return Traffic(np.cumsum(requests, axis=1, dtype=np.float64), np.cumsum(failures, axis=1, dtype=np.float64))


def canary_errors(stable: Traffic, canary: Traffic, look_s: int = _LOOK_S) -> NDArray[np.bool_]:
    """Whether the expression of `CanaryErrors` holds of the canary, at each look: (runs, looks).

    Of two versions the one with more requests in the last hour is the stable one, whichever it was meant to be.
    """
    needed, hour, minutes = CANARY_ERRORS, _HOUR_S // look_s, 5 * _MINUTE_S // look_s
    known, new = stable.within(hour), canary.within(hour)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = 2 * (np.arcsin(np.sqrt(new.share)) - np.arcsin(np.sqrt(known.share)))
        sigmas = apart / np.sqrt(1 / new.requests + 1 / known.requests)
        return (
            (new.requests < known.requests)
            & (new.share - known.share > needed.margin)
            & (sigmas > needed.sigmas)
            & (new.failures >= needed.failures)
            & (new.requests >= needed.requests)
            & (canary.within(minutes).share - stable.within(minutes).share > needed.margin)
        )


def burns(served: Traffic, burn: Burn, look_s: int = _LOOK_S) -> NDArray[np.bool_]:
    """Whether the expression of one of `ErrorBudgetBurn`'s alerts holds, at each look: (runs, looks)."""
    limit, long, short = burn.factor * ERROR_BUDGET, *(served.within(s // look_s) for s in (burn.long_s, burn.short_s))
    return (long.share > limit) & (short.share > limit) & (long.failures >= LEAST_SPENT)


def fires(holds: NDArray[np.bool_], for_looks: int) -> NDArray[np.bool_]:
    """Whether an alert fires: its expression has held at this look and at ``for_looks`` before it."""
    return increase(np.cumsum(holds, axis=1, dtype=np.float64), for_looks + 1) > for_looks


def characteristics(seed: int) -> Iterator[Row]:
    """Pages for versions that fail alike, and how soon one that does not is found; likewise of the error budget."""
    rng = np.random.default_rng(seed)
    for rate, most in ((0.15, 0.04), (0.5, 0.02)):
        pages = _canary(rng, (rate, rate), 0.01, runs=300, minutes=_DAY_MINUTES)
        yield Row(_CANARY, f"both fail 1 %, {rate:g} requests/s each", "pages in a day", *pages, at_most=most)
    for rate, minutes in ((0.15, 30), (0.5, 10)):
        pages = _canary(rng, (9 * rate, rate), 0.10, runs=1000, minutes=minutes)
        truth = f"canary, {rate:g} of {10 * rate:g} requests/s, fails 10 %, stable 1 %"
        yield Row(_CANARY, truth, f"pages within {minutes} minutes", *pages, at_least=0.95)
    pages = _canary(rng, (4.5, 0.5), 0.10, runs=1000, minutes=25, healthy_h=2)
    truth = "canary, 0.5 of 5 requests/s, fails 10 % after two hours of 1 %"
    yield Row(_CANARY, truth, "pages within 25 minutes", *pages, at_least=0.95)
    quiet = _burn(rng, 0.01, ERROR_BUDGET, runs=300, hours=24)
    yield Row(_BURN, "0.1 % fail, as promised, 36 requests an hour", "pages in a day", *quiet, at_most=0.02)
    half = _burn(rng, 1, ERROR_BUDGET / 2, runs=300, hours=24)
    yield Row(_BURN, "0.05 % fail, 1 request/s", "pages in a day", *half, at_most=0.02)
    out = _burn(rng, 0.01, 1, runs=1000, hours=0.5)
    yield Row(_BURN, "all fail, 36 requests an hour", "pages within 30 minutes", *out, at_least=0.95)
    burning = _burn(rng, 1, 20 * ERROR_BUDGET, runs=1000, hours=1)
    yield Row(_BURN, "2 % fail, 20 times the budget, 1 request/s", "pages within an hour", *burning, at_least=0.9)


def _canary(  # noqa: PLR0913 - what a world is made of
    rng: np.random.Generator, rates: tuple[float, float], fails: float, *, runs: int, minutes: int, healthy_h: int = 0
) -> tuple[int, int]:
    """In how many runs, of how many, the alert fires for either version while the second ``fails``."""
    healthy, looks = healthy_h * _HOUR_S // _LOOK_S, minutes * _MINUTE_S // _LOOK_S
    shares = np.full(healthy + looks, 0.01)
    stable = simulated(rng, rates[0], shares, _LOOK_S, runs)
    shares[healthy:] = fails
    canary = simulated(rng, rates[1], shares, _LOOK_S, runs)
    held = (canary_errors(stable, canary), canary_errors(canary, stable))
    fired = np.logical_or.reduce(
        [fires(each, CANARY_ERRORS.for_s // _LOOK_S)[:, healthy:].any(axis=1) for each in held]
    )
    return int(fired.sum()), runs


def _burn(rng: np.random.Generator, rate: float, fails: float, *, runs: int, hours: float) -> tuple[int, int]:
    served = simulated(rng, rate, np.full(int(hours * _HOUR_S / _LOOK_S), fails), _LOOK_S, runs)
    fired = np.logical_or.reduce([burns(served, burn).any(axis=1) for burn in PAGES.values()])
    return int(fired.sum()), runs


def increase(counts: NDArray[np.float64], looks: int) -> NDArray[np.float64]:
    """What was counted in the last so many looks, at each: (runs, looks, …)."""
    grown = counts.copy()
    grown[:, looks:] -= counts[:, :-looks]
    return grown
