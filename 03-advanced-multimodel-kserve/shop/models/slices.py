"""How good a model is for parts of those it serves: a mean over everybody hides whom it serves badly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servekit.shares import mean_margin

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["halves", "slices_of_means"]


def halves(activity: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
    """Which rows are of the less and of the more active half; of those in the middle, all are of the less active."""
    more = activity > np.median(activity) if len(activity) else np.zeros(0, bool)
    return {"less active half": ~more, "more active half": more}


def slices_of_means(
    parts: dict[str, NDArray[np.bool_]], measure: str, values: NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    """The mean of ``values`` (rows,) in each part that has two rows or more, with its margin (95 %)."""
    return {
        name: {
            "rows": int(part.sum()),
            measure: round(float(values[part].mean()), 4),
            "margin": round(mean_margin(values[part]), 4),
        }
        for name, part in parts.items()
        if part.sum() > 1
    }
