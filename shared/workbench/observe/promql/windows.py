"""Functions of the samples in a window: ``rate``, ``increase``, ``max_over_time`` and their like.

Windows are open on the left, as from Prometheus 3 on: a sample exactly ``range`` seconds old is outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.observe.promql.series import Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.observe.promql.series import Floats, Grid, Samples

__all__ = ["LOOKBACK_S", "latest", "over_time", "rate"]

LOOKBACK_S = 300.0
"""How old the sample may be that an instant selector takes: Prometheus' default."""

_EXTRAPOLATES_TO = 1.1
_OVER_TIME: dict[str, Callable[[Floats], Floats]] = {
    "avg": lambda window: np.nanmean(window, axis=1),
    "count": lambda window: np.count_nonzero(~np.isnan(window), axis=1).astype(float),
    "last": lambda window: window[:, -1],
    "max": lambda window: np.nanmax(window, axis=1),
    "min": lambda window: np.nanmin(window, axis=1),
    "sum": lambda window: np.nansum(window, axis=1),
}
OVER_TIME = frozenset(f"{name}_over_time" for name in _OVER_TIME)


def latest(samples: Samples, grid: Grid) -> Frame:
    """Each series' last sample at each moment; none where it is too old, or the last scrape did not show the series."""
    if not len(samples.times):
        return Frame.empty(grid.count)
    at = np.searchsorted(samples.times, grid.times, side="right") - 1
    recent = (
        (at >= 0) & (grid.times - samples.times[at] < LOOKBACK_S) if len(samples.times) else np.zeros(len(at), bool)
    )
    if not recent.any():
        return Frame.empty(grid.count)
    values = samples.values[:, at]
    there = recent & ~np.isnan(values)
    return _seen(Frame(list(samples.labels), values, there))


def over_time(function: str, samples: Samples, grid: Grid, range_s: float) -> Frame:
    """``max_over_time`` and the like, by name."""
    reduce = _OVER_TIME[function.removesuffix("_over_time")]
    first, last = _bounds(samples.times, grid, range_s)
    values = np.full((len(samples.labels), grid.count), np.nan)
    for moment in np.flatnonzero(last > first):
        window = samples.values[:, first[moment] : last[moment]]
        shown = ~np.isnan(window).all(axis=1)
        values[shown, moment] = reduce(window[shown])
    return _seen(Frame(list(samples.labels), values, ~np.isnan(values))).nameless()


def rate(samples: Samples, grid: Grid, range_s: float, *, per_second: bool = True) -> Frame:
    """By how much each counter grew in the window before each moment, a second or in all, its restarts made good.

    Like Prometheus it extrapolates to the window's ends, but not where the first or last sample is further from them
    than samples are from each other, nor below zero.
    """
    values = np.full((len(samples.labels), grid.count), np.nan)
    whole = ~np.isnan(samples.values).any(axis=1)
    if whole.any():
        values[whole] = _growth(samples.times, samples.values[whole], grid, range_s)
    for row in np.flatnonzero(~whole):
        shown = ~np.isnan(samples.values[row])
        values[row] = _growth(samples.times[shown], samples.values[row : row + 1, shown], grid, range_s)
    frame = _seen(Frame(list(samples.labels), values, ~np.isnan(values))).nameless()
    return Frame(frame.labels, frame.values / range_s, frame.there) if per_second else frame


def _growth(times: Floats, values: Floats, grid: Grid, range_s: float) -> Floats:
    """(series, moments) NaN where the window has fewer than two samples."""
    first, end = _bounds(times, grid, range_s)
    grown = np.full((len(values), grid.count), np.nan)
    enough = end - first > 1
    if not enough.any():
        return grown
    first, last, moments = first[enough], end[enough] - 1, grid.times[enough]
    steps = np.diff(values, axis=1)
    counted = np.cumsum(np.where(steps < 0, values[:, 1:], steps), axis=1)
    counted = np.hstack([np.zeros((len(values), 1)), counted])
    growth = counted[:, last] - counted[:, first]
    sampled = times[last] - times[first]
    between = sampled / (last - first)
    to_start, to_end = times[first] - (moments - range_s), moments - times[last]
    to_start = np.where(to_start >= between * _EXTRAPOLATES_TO, between / 2, to_start)
    to_end = np.where(to_end >= between * _EXTRAPOLATES_TO, between / 2, to_end)
    with np.errstate(divide="ignore", invalid="ignore"):
        since_zero = np.where(growth > 0, sampled * values[:, first] / growth, np.inf)
        reach = sampled + np.minimum(to_start, since_zero) + to_end
        grown[:, enough] = growth * (reach / sampled)
    return grown


def _bounds(times: Floats, grid: Grid, range_s: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(moments,), (moments,): the first sample in each window, and the first after it."""
    ends = grid.times
    return np.searchsorted(times, ends - range_s, side="right"), np.searchsorted(times, ends, side="right")


def _seen(frame: Frame) -> Frame:
    """Without series that have no value at any moment."""
    shown = frame.there.any(axis=1)
    return frame if shown.all() else frame.take(np.flatnonzero(shown).tolist())
