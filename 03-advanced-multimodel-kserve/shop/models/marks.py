"""How good answers are, told so that chance can be told too: once over what was asked, and over any resample of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from shop.models.metrics import RankedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["DRAWS", "Marks", "marks_of_means", "marks_of_payments", "resamples"]

DRAWS: Final = 1_000
"""Resamples that a bound is taken from."""

_SEED: Final = 7


@dataclass(frozen=True)
class Marks:
    """A model's, in measures of which higher is better.

    Attributes:
        quality: each measure over everything.
        units: what was drawn by chance and may be drawn again: ``pages``, ``users``, ``payers``.
        count: how many there are.
        resampled: each measure (draws,) where unit n counts ``times[d, n]`` times in draw d, of times (draws, count).
    """

    quality: dict[str, float]
    units: str
    count: int
    resampled: Callable[[NDArray[np.float32]], dict[str, NDArray[np.float64]]]

    def margins(self, draws: int = 200) -> dict[str, float]:
        """How far each measure may be from what it would be over many more units: half a 95 % bootstrap interval."""
        if not self.count:
            return dict.fromkeys(self.quality, 1.0)
        found = self.resampled(resamples(self.count, draws))
        return {name: float(np.ptp(np.quantile(each, (0.025, 0.975))) / 2) for name, each in found.items()}


@lru_cache(maxsize=2)
def resamples(count: int, draws: int = DRAWS) -> NDArray[np.float32]:
    """(draws, count): how often each unit is drawn when as many are drawn as there are."""
    rng = np.random.default_rng(_SEED)
    drawn = [np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(draws)]
    return np.array(drawn, np.float32)


def marks_of_means(units: str, each: Mapping[str, NDArray[np.floating]]) -> Marks:
    """Marks whose measures are means over the units; ``each`` has a measure of every unit (count,)."""
    count = len(next(iter(each.values())))

    def resampled(times: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        total = times.sum(axis=1)
        return {name: (times @ values.astype(np.float32)).astype(np.float64) / total for name, values in each.items()}

    return Marks({name: float(of.mean()) if count else 0.0 for name, of in each.items()}, units, count, resampled)


def marks_of_payments(
    probabilities: NDArray[np.floating], fraud: NDArray[np.bool_], payer: NDArray[np.integer]
) -> Marks:
    """Marks by AUC and average precision; a payer's payments are drawn together, for they are alike."""
    payers, place = np.unique(payer, return_inverse=True)
    ranked = RankedRows.of(probabilities, fraud)

    def resampled(times: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        draws = [each[place] for each in times]
        return {
            "auc": np.array([ranked.auc(each) for each in draws]),
            "average_precision": np.array([ranked.average_precision(each) for each in draws]),
        }

    quality = {"auc": ranked.auc(), "average_precision": ranked.average_precision()}
    return Marks(quality, "payers", len(payers), resampled)
