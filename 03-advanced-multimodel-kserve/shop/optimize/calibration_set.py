"""The calibration set: rows from which the ranges of a quantised model are taken.

A range that real traffic leaves is cut off at its ends, and a range far wider than real traffic wastes the 256 steps
that there are. So the rows must be real ones, and many; what cannot be right is refused before anything is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEWEST_ROWS", "CalibrationError", "Scaling", "checked", "column_scaling"]

FEWEST_ROWS = 64
"""Fewer say too little about a column's range."""


class CalibrationError(ValueError):
    """Rows that no ranges can be taken from."""


@dataclass(frozen=True)
class Scaling:
    """``x * factor + shift``: brings each column into [-1, 1]; both (columns,), float32."""

    factor: NDArray[np.float32]
    shift: NDArray[np.float32]


def checked(rows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The rows, as contiguous float32.

    Raises:
        CalibrationError: they are not (n, width) with n ≥ FEWEST_ROWS, not finite, or all the same.
    """
    if rows.ndim != 2 or rows.shape[1] != width:  # noqa: PLR2004 - rows and columns
        raise CalibrationError(f"calibration set {rows.shape}: expected (n, {width}), as the model's input is")
    if len(rows) < FEWEST_ROWS:
        raise CalibrationError(f"calibration set of {len(rows)} rows: expected at least {FEWEST_ROWS}")
    if not np.isfinite(rows).all():
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        raise CalibrationError(f"calibration set, row {bad[0]}: expected finite numbers ({len(bad)} rows have others)")
    if not (rows.max(axis=0) > rows.min(axis=0)).any():
        raise CalibrationError(f"calibration set of {len(rows)} equal rows: expected real ones, which differ")
    return np.ascontiguousarray(rows, np.float32)


def column_scaling(rows: NDArray[np.float32]) -> Scaling:
    """What brings each column of these rows into [-1, 1]; a column that never changes is only moved to 0."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    half = np.where(high > low, (high - low) / 2, 1)
    return Scaling((1 / half).astype(np.float32), (-(low + high) / 2 / half).astype(np.float32))
