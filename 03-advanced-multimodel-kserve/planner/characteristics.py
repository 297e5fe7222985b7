"""How near the closed form's p99 is to a simulated one, whatever the shape of the work.

One server, Poisson arrivals, work with a mean of 1 ms and a known squared coefficient of variation. The simulation is
Lindley's recursion (D. V. Lindley, "The theory of queues with a single server", 1952) over work of three shapes; the
closed form is told two moments of it and nothing else.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from planner.closed_form import on_a_fleet
from planner.request_path import RequestPath, Visit
from workbench.verdicts import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.distribution import Floats

__all__ = ["SHAPES", "characteristics", "closed_form_p99_s", "simulate"]

_MEAN_S: Final = 1e-3
_UTILISATIONS: Final = (0.3, 0.5, 0.7)
_SCVS: Final = (1.0, 4.0, 10.0)
_ASKED_OF: Final = 1.0
"""Above this variation two moments do not say enough, and nothing is asked of the closed form."""
_NEAR: Final = 0.15
"""What `shop.calibration.from_survey` asks of a prediction."""
_RUNS: Final = 10
_REQUESTS: Final = 200_000


def _lognormal(scv: float, count: int, random: np.random.Generator) -> Floats:
    spread = np.log1p(scv)
    return random.lognormal(-spread / 2, np.sqrt(spread), count)


def _gamma(scv: float, count: int, random: np.random.Generator) -> Floats:
    return random.gamma(1 / scv, scv, count)


def _two_kinds(scv: float, count: int, random: np.random.Generator) -> Floats:
    """Short work and long work, of which as much in all; below an SCV of 1 each of them is constant."""
    share = (1 + np.sqrt((scv - 1) / (scv + 1))) / 2 if scv > 1 else (1 + np.sqrt(scv / (scv + 1))) / 2
    mean: Floats = np.where(random.random(count) < share, 0.5 / share, 0.5 / (1 - share))
    return mean * random.exponential(size=count) if scv > 1 else mean


SHAPES: Final[dict[str, Callable[[float, int, np.random.Generator], Floats]]] = {
    "lognormal": _lognormal,
    "gamma": _gamma,
    "two kinds": _two_kinds,
}


def simulate(work: Floats, utilisation: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    """The waits and the whole times of requests with this work at one server that is so busy, in the work's unit."""
    gaps = random.exponential(work.mean() / utilisation, len(work))
    ahead = np.concatenate(([0.0], np.cumsum(work[:-1] - gaps[1:])))
    waits = ahead - np.minimum.accumulate(np.minimum(ahead, 0.0))
    return waits, waits + work


def closed_form_p99_s(utilisation: float, scv: float) -> float:
    """The p99 that the plan computes for such a server, in the work's unit."""
    alone = RequestPath("any", "miss", 1.0, (Visit("server", _MEAN_S, scv),), (), (0.0, 0.0))
    return on_a_fleet([alone], {"server": utilisation}).p99_ms * 1e-3


def characteristics(seed: int) -> Iterator[Row]:
    """How often the closed form's p99 is within 15 % of the simulated one."""
    random = np.random.default_rng(seed)
    predicted = {(busy, scv): closed_form_p99_s(busy, scv) for busy, scv in product(_UTILISATIONS, _SCVS)}
    for shape, scv in product(SHAPES, _SCVS):
        near = 0
        for busy, _ in product(_UTILISATIONS, range(_RUNS)):
            work = SHAPES[shape](scv, _REQUESTS, random) * _MEAN_S
            _, whole = simulate(work, busy, random)
            near += abs(predicted[busy, scv] / float(np.quantile(whole, 0.99)) - 1) <= _NEAR
        yield Row(
            "capacity plan, closed form",
            f"{shape} work, c² {scv:g}, 30 to 70 % busy",
            "p99 within 15 %",
            near,
            _RUNS * len(_UTILISATIONS),
            at_least=0.95 if scv <= _ASKED_OF else 0.0,
        )
