"""Times to answer as distributions on a grid: independent parts add up by convolution, and a p99 can be read off.

Percentiles do not add up: the p99 of a sum is less than the sum of the p99s where long waits seldom strike together,
and more where each part stalls a little less often than once in a hundred. Adding variances is far too little for a
heavy tail. On a grid no shape needs to be assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shop.capacity.queueing import Wait

__all__ = ["QUANTILES", "Grid", "quantiles_of", "sample"]

Floats = npt.NDArray[np.float64]

QUANTILES: Final = 201
"""How many evenly spaced quantiles, 0 % and 100 % included, stand for a measured distribution."""
_STEP_S: Final = 20e-6
_POINTS: Final = 1 << 15


def quantiles_of(values: Iterable[float] | Floats) -> Floats:
    """The `QUANTILES` evenly spaced quantiles of measured values."""
    found: Floats = np.quantile(np.fromiter(values, float), np.linspace(0, 1, QUANTILES))
    return found


def sample(quantiles: Floats | Sequence[float], count: int, random: np.random.Generator) -> Floats:
    """Draws from the distribution that the quantiles stand for, straight lines between them."""
    return np.interp(random.random(count), np.linspace(0, 1, len(quantiles)), quantiles)


class Grid:
    """A distribution of seconds from 0 to 0.65 in steps of 20 µs, kept as its Fourier transform.

    What lies beyond the grid counts as its end. Immutable: `plus` returns a new one.
    """

    def __init__(self, transform: npt.NDArray[np.complex128]) -> None:
        self.transform = transform

    @classmethod
    def of_quantiles(cls, quantiles_s: Sequence[float] | Floats) -> Grid:
        """From evenly spaced quantiles, straight lines between them."""
        shares = np.linspace(0, 1, len(quantiles_s))
        edges = (np.arange(_POINTS) + 0.5) * _STEP_S
        return cls._of_cumulative(np.interp(edges, np.maximum.accumulate(quantiles_s), shares, left=0.0, right=1.0))

    @classmethod
    def of_wait(cls, wait: Wait) -> Grid:
        """An atom at 0 and an exponential tail."""
        edges = (np.arange(_POINTS) + 0.5) * _STEP_S
        tail = np.exp(-edges / wait.mean_if_s) if wait.mean_if_s > 0 else np.zeros(_POINTS)
        return cls._of_cumulative(1 - wait.waits * tail)

    @classmethod
    def _of_cumulative(cls, cumulative: Floats) -> Grid:
        masses = np.diff(cumulative, prepend=0.0)
        masses[-1] += 1 - cumulative[-1]
        return cls(np.fft.rfft(masses, 2 * _POINTS))

    def plus(self, other: Grid) -> Grid:
        """The sum of two independent times."""
        return Grid(self.transform * other.transform)

    @staticmethod
    def mixture(parts: Iterable[tuple[float, Grid]]) -> Grid:
        """Each request takes one of the parts, with these weights, which sum to 1."""
        total = np.zeros(_POINTS + 1, complex)
        for weight, part in parts:
            total += weight * part.transform
        return Grid(total)

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The seconds that these shares of the requests do not exceed."""
        cumulative = np.cumsum(np.fft.irfft(self.transform, 2 * _POINTS)[:_POINTS])
        return [float(np.searchsorted(cumulative, share) * _STEP_S) for share in shares]
