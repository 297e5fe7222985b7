"""Times to answer as distributions on a grid: independent parts add up by convolution, and a p99 can be read off.

Percentiles do not add up: the p99 of a sum is less than the sum of the p99s where long waits seldom strike together,
and more where each part stalls a little less often than once in a hundred. Adding variances is far too little for a
heavy tail. On a grid no shape needs to be assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc

from planner.queueing import Wait, erlang_c

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["QUANTILES", "Grid", "ServiceTime", "quantiles_of", "sample"]

Floats = npt.NDArray[np.float64]

QUANTILES: Final = 201
"""How many evenly spaced quantiles, 0 % and 100 % included, stand for a measured distribution."""
_STEP_S: Final = 20e-6
_POINTS: Final = 1 << 15
_LONG_S: Final = _POINTS * _STEP_S / 6
"""A mean wait above which the grid does not hold the tail."""
_CONSTANT: Final = 1e-3

_EDGES: Final = (np.arange(_POINTS) + 0.5) * _STEP_S


class ServiceTime(NamedTuple):
    """Work of one kind at a server: its share of all work there, its mean, its squared coefficient of variation."""

    weight: float
    mean_s: float
    scv: float = 0.0


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
        self._turns: dict[int, tuple[npt.NDArray[np.complex128], float]] = {}

    @classmethod
    def of_quantiles(cls, quantiles_s: Sequence[float] | Floats) -> Grid:
        """The distribution with these evenly spaced quantiles and straight lines between them."""
        shares = np.linspace(0, 1, len(quantiles_s))
        return cls._of_cumulative(np.interp(_EDGES, np.maximum.accumulate(quantiles_s), shares, left=0.0, right=1.0))

    @classmethod
    def of_wait(cls, wait: Wait) -> Grid:
        """The distribution of a wait: an atom at 0 and an exponential tail."""
        tail = np.exp(-_EDGES / wait.mean_if_s) if wait.mean_if_s > 0 else np.zeros(_POINTS)
        return cls._of_cumulative(1 - wait.waits * tail)

    @classmethod
    def of_service(cls, kinds: Sequence[ServiceTime]) -> Grid:
        """The distribution of the service times of several kinds, given two moments of each.

        A kind is gamma distributed, or hyperexponential with balanced means where it varies more than an exponential
        does. Source: H. C. Tijms, "A First Course in Stochastic Models" (2003, appendix B).
        """
        total = sum(kind.weight for kind in kinds)
        return cls._of_cumulative(np.sum([kind.weight / total * _cumulative(kind) for kind in kinds], axis=0))

    @classmethod
    def _of_cumulative(cls, cumulative: Floats) -> Grid:
        masses = np.diff(cumulative, prepend=0.0)
        masses[-1] += 1 - cumulative[-1]
        return cls(np.fft.rfft(masses, 2 * _POINTS))

    def plus(self, other: Grid) -> Grid:
        """The sum of two independent times."""
        return Grid(self.transform * other.transform)

    def wait(self, servers: int, load: float) -> Grid:
        """The wait in M/G/c, first come first served, when these are the service times.

        Exact for one server: a request that waits does so for geometrically many residual service times (F. Pollaczek,
        1930; A. Khinchine, 1932; V. Beneš, 1957). Several servers that are all busy work like one that is as many times
        as fast (Tijms, §9.6.2): exact for M/M/c, with Allen and Cunneen's mean for others. In heavy traffic, where the
        grid is too short, the wait is exponential (Kingman).

        Args:
            servers: c, at least 1.
            load: offered load in erlangs, below ``servers``.

        Raises:
            InvalidValueError: the servers cannot keep up.
        """
        busy, delayed = load / servers, erlang_c(servers, load)
        if servers not in self._turns:
            self._turns[servers] = self._turn(servers)
        turn, mean_s = self._turns[servers]
        if mean_s / (1 - busy) > _LONG_S:
            return Grid.of_wait(Wait(delayed, mean_s / (1 - busy)))
        return Grid(1 - delayed + delayed * (1 - busy) * turn / (1 - busy * turn))

    def _turn(self, servers: int) -> tuple[npt.NDArray[np.complex128], float]:
        """How long busy servers take until one is free, as a transform, and its mean in seconds."""
        beyond = 1 - np.cumsum(self._masses())
        residual = (np.concatenate(([0.0], beyond[:-1])) + beyond) / 2
        cumulative = np.interp(servers * _EDGES, _EDGES, np.cumsum(residual) / residual.sum())
        mean_s = float(residual @ np.arange(_POINTS) / residual.sum()) * _STEP_S / servers
        return Grid._of_cumulative(cumulative).transform, mean_s

    def _masses(self) -> Floats:
        return np.fft.irfft(self.transform, 2 * _POINTS)[:_POINTS]

    @staticmethod
    def mixture(parts: Iterable[tuple[float, Grid]]) -> Grid:
        """The distribution of requests that each take one of the parts, with these weights, which sum to 1."""
        total = np.zeros(_POINTS + 1, complex)
        for weight, part in parts:
            total += weight * part.transform
        return Grid(total)

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The seconds that these shares of the requests do not exceed."""
        cumulative = np.cumsum(self._masses())
        return [float(np.searchsorted(cumulative, share) * _STEP_S) for share in shares]

    def beyond(self, seconds: float) -> float:
        """The share that takes longer than this; all of it when that is below 0."""
        within = np.cumsum(self._masses())
        return float(min(max(1 - np.interp(seconds, _EDGES, within, left=0.0), 0.0), 1.0))

    @property
    def mean_s(self) -> float:
        """The mean in seconds; what lies beyond the grid counts as its end."""
        masses = self._masses()
        return float(masses @ np.arange(_POINTS) / masses.sum()) * _STEP_S


def _cumulative(kind: ServiceTime) -> Floats:
    mean_s, scv = kind.mean_s, kind.scv
    if scv < _CONSTANT:  # between the two points next to it, so that the mean is kept
        return np.clip((_EDGES - mean_s) / _STEP_S + 0.5, 0.0, 1.0)
    if scv <= 1:
        return np.asarray(gammainc(1 / scv, _EDGES / (scv * mean_s)))
    short = (1 + np.sqrt((scv - 1) / (scv + 1))) / 2
    rates = 2 * np.array([short, 1 - short]) / mean_s
    return np.asarray(1 - np.array([short, 1 - short]) @ np.exp(-np.outer(rates, _EDGES)))
