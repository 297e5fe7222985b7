"""What a version loses of each measure, and how much more it could lose for all that chance can say.

Both versions answered the same pages, so the pages are resampled and both are judged on each resample: a paired
bootstrap, in which what makes a page easy or hard for both cancels. Of the losses of all resamples the 95th percentile
is the bound: in 19 of 20 exams the true loss is below it.

Sources: B. Efron and R. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13; T. Sakai, "Evaluating
evaluation metrics based on the bootstrap", SIGIR 2006, for pages as the units of ranking measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shop.models.marks import resamples

if TYPE_CHECKING:
    from shop.models.marks import Marks

__all__ = ["CONFIDENCE", "Loss", "bounded_losses", "estimated_losses"]

CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Loss:
    """The loss of one measure of quality.

    Attributes:
        before: what the baseline has.
        after: what the version has.
        at_most: what it may really lose, with 95 %; where nobody asked for a bound, just what it lost.
        of: how many pages, users or payers that is known from, in words.
    """

    before: float
    after: float
    at_most: float
    of: str

    @property
    def lost(self) -> float:
        """In the measure's own unit; negative where it is better."""
        return self.before - self.after


def estimated_losses(before: Marks, after: Marks) -> dict[str, Loss]:
    """What was lost on these pages, users or payers, whatever it would be on others.

    Raises:
        ValueError: the two were judged by different measures.
    """
    return _losses(before, after, {name: before.quality[name] - after.quality.get(name, 0) for name in before.quality})


def bounded_losses(before: Marks, after: Marks) -> dict[str, Loss]:
    """The same with the upper bound at 95 % of each; raises likewise. Of nothing, all may be lost."""
    if not before.count:
        return _losses(before, after, dict.fromkeys(before.quality, 1.0))
    times = resamples(before.count)
    old, new = before.resampled(times), after.resampled(times)
    return _losses(
        before, after, {name: float(np.quantile(old[name] - new[name], CONFIDENCE)) for name in old.keys() & new.keys()}
    )


def _losses(before: Marks, after: Marks, at_most: dict[str, float]) -> dict[str, Loss]:
    if before.quality.keys() != after.quality.keys():
        raise ValueError(f"quality {sorted(after.quality)}: expected the baseline's measures, {sorted(before.quality)}")
    of = f"{before.count:,} {before.units}"
    return {name: Loss(old, after.quality[name], at_most[name], of) for name, old in before.quality.items()}
