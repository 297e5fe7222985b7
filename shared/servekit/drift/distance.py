"""PSI and KS of a window against a reference column.

The window's values are taken sorted. NaN sorts last, so a NaN that slipped past validation counts as a value above
every other: it moves the statistics and raises an alarm instead of an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from servekit.drift.reference import Column

__all__ = ["counts", "ks", "psi"]

_PSEUDO_COUNT = 0.5  # per bin, on both sides: an empty bin keeps PSI finite (Jeffreys' prior)


def psi(reference: ArrayLike, window: ArrayLike) -> float:
    """The population stability index, ``Σ (q - p) ln(q / p)`` over the bins: 0 for equal shares, in nats.

    ``p`` are the shares of the ``reference`` counts [bins], ``q`` those of the ``window``, each with
    half a count added to each bin.
    """
    counted, seen = np.asarray(reference) + _PSEUDO_COUNT, np.asarray(window) + _PSEUDO_COUNT
    q, p = seen / seen.sum(), counted / counted.sum()
    return float(((q - p) * np.log(q / p)).sum())


def counts(column: Column, ordered: NDArray[Any]) -> NDArray[np.intp]:
    """The number [bins] of the values ``ordered`` [n] in each bin of a column."""
    upper = np.searchsorted(ordered, np.asarray(column.edges, dtype=np.float32), side="right")
    return np.diff(upper, prepend=0, append=len(ordered))


def ks(column: Column, ordered: NDArray[Any]) -> float:
    """The two-sample Kolmogorov-Smirnov distance: the largest gap between the two cumulative distributions, 0 to 1.

    The gap is looked up at the column's knots, all distinct values of a small reference or 128 quantiles of a large
    one. It is therefore never more than the true distance and at most 1/128 less plus the largest tie: alarms err
    on the quiet side.
    """
    at = np.searchsorted(ordered, np.asarray(column.knots, dtype=np.float32), side="right")
    return float(np.abs(at / len(ordered) - np.asarray(column.below) / column.below[-1]).max())
