"""How often a rollout promotes, rolls back or ends undecided, by true loss: the real `Rollout` in a simulated shop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from servekit.telemetry.metrics import LATENCY_BUCKETS
from shop.canary.evidence import Histogram
from shop.canary.judge import Policy
from shop.canary.reading import Reading
from shop.canary.rollout import Ports, Rollout, RolloutPlan
from workbench.verdicts import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from shop.canary.rollout import Outcome, Step

__all__ = ["HURRIED", "STEADY", "Setting", "Shop", "characteristics", "outcomes"]

_RUNS: Final = 500
_FEW_RUNS: Final = 200
_GOOD: Final = 0.72
_MARGIN: Final = Policy().quality_margin
_SCORE_EDGES: Final = tuple(step / 10 for step in range(1, 10))


def _log_normal_shares(median_s: float, spread: float) -> NDArray[np.float64]:
    """How many of the answers are in each bucket of latency."""
    draws = np.random.default_rng(1).normal(np.log(median_s), spread, 100_000)
    counts, _ = np.histogram(np.exp(draws), [0.0, *LATENCY_BUCKETS, np.inf])
    return np.asarray(counts / counts.sum(), dtype=np.float64)


_DURATIONS: Final = _log_normal_shares(0.003, 0.6)
_SCORES: Final = np.full(10, 0.1)


@dataclass
class Shop:
    """A shop in simulated time: traffic, metrics and clock at once. Both versions differ in their clicks alone.

    Args:
        loss: share of stable's clicks that the candidate does not get.
        random: where chance comes from.
        rps: searches a second, each of which is rated.
    """

    loss: float
    random: np.random.Generator
    rps: int = 1000
    _weight: int = 0
    _time_s: float = 0.0
    _counts: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def shift(self, weight: int) -> None:
        """Sends so many percent to the candidate from now on."""
        self._weight = weight

    def restart(self) -> None:
        """Counts from 0 again."""
        self._counts = {version: np.zeros(len(_DURATIONS) + len(_SCORES) + 1) for version in ("1", "2")}

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._time_s

    def sleep(self, seconds: float) -> None:
        """People search and click meanwhile."""
        self._time_s += seconds
        answers = round(self.rps * seconds)
        candidate = int(self.random.binomial(answers, self._weight / 100))
        for version, of, good in (("1", answers - candidate, _GOOD), ("2", candidate, _GOOD * (1 - self.loss))):
            drawn = self.random.multinomial(of, _DURATIONS), self.random.multinomial(of, _SCORES)
            self._counts[version] += np.concatenate([*drawn, [self.random.binomial(of, good)]])

    def read(self) -> dict[str, Reading]:
        """What each version has answered since the restart."""
        return {version: _reading(counts) for version, counts in self._counts.items()}


def _reading(counts: NDArray[np.float64]) -> Reading:
    durations, scores, clicks = counts[: len(_DURATIONS)], counts[len(_DURATIONS) : -1], counts[-1]
    return Reading(
        Histogram(LATENCY_BUCKETS, tuple(durations.tolist())),
        scores=Histogram(_SCORE_EDGES, tuple(scores.tolist())),
        outcomes={"impression": float(durations.sum()), "click": float(clicks)},
    )


class Setting(NamedTuple):
    """The traffic and the patience of a rollout."""

    rps: int = 1000
    patience_s: float = 3600.0


STEADY: Final = Setting()
"""A busy shop, and all the patience that a rollout has unless told otherwise."""

HURRIED: Final = Setting(100, 4.0)
"""Some 460 rated answers of the candidate, in half a minute."""


def outcomes(loss: float, seed: int, runs: int = _RUNS, setting: Setting = STEADY) -> Counter[Outcome]:
    """How rollouts of candidates with such a loss end, with the policy that a rollout has unless told otherwise."""
    plan = RolloutPlan("1", "2", patience_s=setting.patience_s)
    seen: Counter[Outcome] = Counter()
    for run in range(runs):
        shop = Shop(loss, np.random.default_rng((seed, run)), setting.rps)
        seen[Rollout(plan, Policy(), Ports(shop, shop, shop), _tell_nobody).run()] += 1
    return seen


def _tell_nobody(_: Step) -> None:
    """Nobody watches a simulation."""


def characteristics(seed: int) -> Iterator[Row]:
    """Rollouts of candidates as good as stable, at the margin, beyond it; and of bad ones with few answers."""
    name, clicks = "canary 3", "of the clicks"
    alike = outcomes(0.0, seed)
    yield Row(name, "like stable", "promoted", alike["promoted"], _RUNS, at_least=0.95)
    yield Row(name, "like stable", "rolled back", alike["rolled back"], _RUNS, at_most=0.01)
    at = outcomes(_MARGIN, seed, _FEW_RUNS, Setting(patience_s=150.0))
    yield Row(name, f"loses {_MARGIN:.0%} {clicks}, the margin", "promoted", at["promoted"], _FEW_RUNS, at_most=0.05)
    twice = outcomes(2 * _MARGIN, seed)
    truth = f"loses {2 * _MARGIN:.0%} {clicks}, twice the margin"
    yield Row(name, truth, "promoted", twice["promoted"], _RUNS, at_most=0.05)
    yield Row(name, truth, "rolled back", twice["rolled back"], _RUNS, at_least=0.9)
    for loss in (0.1, 0.15):
        found = outcomes(loss, seed, _FEW_RUNS, HURRIED)
        truth = f"loses {loss:.0%} {clicks}, 460 rated answers"
        yield Row(name, truth, "promoted", found["promoted"], _FEW_RUNS, at_most=0.05)
