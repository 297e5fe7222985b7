"""A solution of exercise 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 127
ALLOWED_LOSS = 0.01
MARGIN = 1.03
QUANTILE = 1.645
FEWEST = 2  # one page has no spread


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """The weights in steps, and the size of a step for each output."""
    steps = np.abs(weight).max(axis=0) / STEPS
    steps = np.where(steps > 0, steps, 1).astype(np.float32)
    return np.rint(weight / steps).astype(np.int8), steps


def activations(rows: NDArray[np.float32], step: float) -> NDArray[np.int8]:
    """The rows in steps of this size."""
    whole: NDArray[np.float32] = np.rint(rows / np.float32(step))
    return whole.clip(-STEPS, STEPS).astype(np.int8)


def layer(
    rows: NDArray[np.float32], step: float, integers: NDArray[np.int8], steps: NDArray[np.float32]
) -> NDArray[np.float32]:
    """About rows @ weight, of shape (rows, outputs)."""
    sums = activations(rows, step).astype(np.int32) @ integers.astype(np.int32)
    return (sums * (np.float32(step) * steps)).astype(np.float32)


def passes(before: dict[str, NDArray[np.float64]], after: dict[str, NDArray[np.float64]], ratios: list[float]) -> bool:
    """Whether the INT8 version may be served."""
    as_good = all(_bound(before[name] - after[name]) <= ALLOWED_LOSS * before[name].mean() for name in before)
    return bool(as_good and min(ratios) >= MARGIN)  # what is compared with NaN is false


def _bound(lost: NDArray[np.float64]) -> float:
    """What is lost on average, at most, with 95 %."""
    if len(lost) < FEWEST:
        return float("inf")
    return float(lost.mean() + QUANTILE * lost.std(ddof=1) / np.sqrt(len(lost)))
