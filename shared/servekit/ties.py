"""The value of equal scores: the mean over all the orders in which they could be shown.

A sort has to put equal scores into some order, and mostly keeps that of the rows. Where that order knows something (the
place on the page that was clicked, ids given out by popularity), a model that cannot tell anything apart is marked as
if it could. The mean over the orders of a tie is what a fair coin would earn.

Source: F. McSherry and M. Najork, "Computing information retrieval performance measures efficiently in the presence of
tied scores", ECIR 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mean_over_ties"]


def mean_over_ties(
    values: NDArray[np.floating] | NDArray[np.bool_], scores: NDArray[np.floating], start: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(rows,): the expected value at each place, list by list, best score first.

    Args:
        values: (rows,) the value of each row.
        scores: (rows,) the scores that order the rows; a NaN makes all values of its list NaN.
        start: (lists + 1,): list n has the rows from ``start[n]`` to ``start[n + 1]``.
    """
    lists = np.repeat(np.arange(len(start) - 1), np.diff(start))
    order = np.lexsort((-scores, lists))
    ordered, worth = scores[order], np.where(np.isnan(scores), np.nan, values)[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (ordered[1:] != ordered[:-1]) | (lists[1:] != lists[:-1])
    tie = np.cumsum(begins) - 1
    mean: NDArray[np.float64] = (np.bincount(tie, weights=worth) / np.bincount(tie))[tie]
    return mean
