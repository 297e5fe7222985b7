"""Shares and means that say what they know: ``0.78 ± 0.03 (of 678)``.

Of 678 frauds 78 % were found. Of other frauds by the same thieves it may be 75 or 81 %, and of 30 flowers that were all
told right, one in ten may yet be wrong. The figure behind ± holds with 95 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from servekit.verdicts import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mean_margin", "share_margin", "share_text"]

_Z: Final = 1.96


def share_text(times: float, of: int, digits: int = 2) -> str:
    """A share with its margin and what it is of."""
    share = times / of if of else 0.0
    return f"{share:.{digits}f} ± {share_margin(times, of):.{digits}f} (of {of:,})"


def share_margin(times: float, of: int) -> float:
    """How far the truth may be from ``times / of``: the farther end of `servekit.verdicts.wilson`'s interval."""
    low, high = wilson(times, of)
    share = times / of if of else 0.0
    return max(high - share, share - low)


def mean_margin(values: NDArray[np.floating]) -> float:
    """How far the true mean may be from that of these values: 1.96 standard errors; infinite for fewer than two values.

    It holds for some fifty values or more, by the central limit theorem.
    """
    if len(values) <= 1:
        return float("inf")
    return float(_Z * values.std(ddof=1) / np.sqrt(len(values)))
