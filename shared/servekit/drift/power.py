"""What a window can see: how large must a shift be, and how many rows does it take?

For a feature that is normally distributed, in ten lines. A shift by d standard deviations opens a gap of 2Φ(d/2) - 1
between the two cumulative distributions, half-way between the means. While r of a window's n rows are of the new kind,
the gap is r/n of that. What n rows and a reference of m show of it scatters by at most ½√(1/m + 1/n), because the
cumulative share of n rows has the variance F(1 - F)/n ≤ 1/4n (L. Wasserman, All of Statistics, 2004, theorem 7.3). So
in nine cases of ten the KS distance is above its threshold as soon as

    r/n · (2Φ(d/2) - 1) ≥ threshold + 1.28 · ½√(1/m + 1/n)

That errs on the cautious side: KS takes the largest gap, not this one, PSI may see the shift earlier, and if one look
misses it another may not. ``workbench.drift.characteristics`` holds the promise against simulations.
"""

from __future__ import annotations

from math import ceil, inf, sqrt
from statistics import NormalDist
from typing import Final

__all__ = ["SHIFTS", "flagged_after", "smallest_shift"]

SHIFTS: Final = (0.25, 0.5, 0.75, 1.0, 1.5)
_NORMAL: Final = NormalDist()
_NINE_IN_TEN: Final = _NORMAL.inv_cdf(0.9)


def flagged_after(shift: float, reference_rows: int, window_rows: int, threshold: float, looks: int) -> float:
    """The rows of the new kind after which nine such shifts of ten are flagged; infinite when the window cannot.

    Args:
        shift: in standard deviations of the feature.
        reference_rows: rows behind the reference profile.
        window_rows: rows of the full window.
        threshold: the KS distance that the window must exceed.
        looks: how often it is looked at while its rows are replaced once.
    """
    gap = 2 * _NORMAL.cdf(shift / 2) - 1
    share = _needed_gap(reference_rows, window_rows, threshold) / gap
    return ceil(share * looks) * window_rows / looks if share <= 1 else inf


def smallest_shift(reference_rows: int, window_rows: int, threshold: float) -> float:
    """The shift, in standard deviations, that nine such windows of ten show when all their rows are of the new kind."""
    gap = _needed_gap(reference_rows, window_rows, threshold)
    return 2 * _NORMAL.inv_cdf((1 + gap) / 2) if gap < 1 else inf


def _needed_gap(reference_rows: int, window_rows: int, threshold: float) -> float:
    return threshold + _NINE_IN_TEN * sqrt(1 / reference_rows + 1 / window_rows) / 2
