"""Finds the cost of a step from measured ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import least_squares

from planner.tokens.step_cost import StepCost, StepWork
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MeasuredStep", "fit_cost"]

_COSTS: Final = 5
_QUANTILES: Final = 21
_LEAST: Final = 50


class MeasuredStep(NamedTuple):
    """A step of the real engine: what was in it, and how long it took."""

    work: StepWork
    seconds: float


def fit_cost(steps: Sequence[MeasuredStep]) -> StepCost:
    """The cost, none of its parts below 0, that comes nearest to the measured times, in proportion to each.

    A step that another program held up counts little (soft L1), else a few of them would move the whole line. What is
    left over becomes the spread; since the simulated time must be right in sum, the cost is scaled to its mean.

    Raises:
        InvalidValueError: there are fewer than 50 steps, or one took no time.
    """
    if len(steps) < _LEAST or any(not each.seconds > 0 for each in steps):
        raise InvalidValueError("steps", len(steps), f"expected {_LEAST} at least, each of some time")
    measured = np.array([each.seconds * 1e6 for each in steps])
    work = np.array([[1, *each.work[1:]] for each in steps], float)
    scale = work.max(axis=0).clip(min=1)

    def off(parts: np.ndarray) -> np.ndarray:
        error: np.ndarray = (work / scale) @ parts / measured - 1
        return error

    start = np.full(_COSTS, np.median(measured) / _COSTS)
    parts = least_squares(off, start, bounds=(0, np.inf), loss="soft_l1", f_scale=0.05).x
    parts[~work.astype(bool).any(axis=0)] = 0.0
    ratio = measured / ((work / scale) @ parts)
    mean = float(measured.sum() / ((work / scale) @ parts).sum())
    costs = np.round(parts / scale * mean, 6).tolist()
    spread = np.quantile(ratio, np.linspace(0, 1, _QUANTILES))
    spread *= 1 / np.trapezoid(spread, dx=1 / (_QUANTILES - 1))
    base, decode, prefill, decode_context, prefill_context = costs
    return StepCost(
        base_us=base,
        decode_us=decode,
        prefill_us=prefill,
        decode_context_us=decode_context,
        prefill_context_us=prefill_context,
        spread=tuple(np.round(spread, 4).tolist()),
    )
