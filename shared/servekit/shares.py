"""Shares and means with their margins: ``0.78 ± 0.03 (of 678)``.

Of 678 frauds, 78 % were found. Of other frauds by the same thieves it may be 75 or 81 %; and after 30 correct flowers,
one in ten may still be wrong. The margin behind ± holds with 95 % confidence.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mean_margin", "share_margin", "share_text", "wilson"]

_Z: Final = 1.96


def share_text(times: float, of: int, digits: int = 2) -> str:
    """A share as text, with its margin and the number that it is a share of."""
    share = times / of if of else 0.0
    return f"{share:.{digits}f} ± {share_margin(times, of):.{digits}f} (of {of:,})"


def share_margin(times: float, of: int) -> float:
    """The margin of ``times / of``: the distance to the farther end of `wilson`'s interval."""
    low, high = wilson(times, of)
    share = times / of if of else 0.0
    return max(high - share, share - low)


def mean_margin(values: NDArray[np.floating]) -> float:
    """The margin of the mean of these values, 1.96 standard errors; infinite for fewer than two values.

    It holds for some fifty values or more, by the central limit theorem.
    """
    if len(values) <= 1:
        return float("inf")
    return float(_Z * values.std(ddof=1) / np.sqrt(len(values)))


def wilson(times: float, runs: float, z: float = _Z) -> tuple[float, float]:
    """The interval that holds a true share with 95 % (``z`` 1.96), from ``times`` of ``runs``; (0, 1) of nothing.

    Wilson's score interval: unlike share ± z standard errors it keeps its promise near 0 and 1, and for few runs.
    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927);
    recommended by Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16
    (2001).
    """
    if runs <= 0:
        return 0.0, 1.0
    share, weight = times / runs, z * z / runs
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * sqrt(share * (1 - share) / runs + weight / (4 * runs))
    return max(0.0, middle - half), min(1.0, middle + half)
