"""How far the gate can be believed: paired pages whose true loss is known, through the gate's own code.

The pages are as many as the shop's test period has, and the differences between the two versions are spread as those
of static INT8 were there (2026-11-28): four pages in five keep their order in the first ten places, the others gain or
lose, with a standard deviation of 0.052 over all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from threadpoolctl import threadpool_limits

from shop.models.marks import marks_of_means
from shop.models.metrics import ndcg_of_lists
from shop.optimize.gate import ALLOWED_LOSS, judge
from shop.optimize.latency import Latencies
from shop.optimize.loss import bounded_losses
from workbench.verdicts import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["characteristics"]

_PAGES: Final = 2_533
_RESULTS: Final = 30
_RUNS: Final = 400
_MOVED: Final = 0.21
_SPREAD: Final = 0.052
_FASTER: Final = Latencies((100.0,) * 9, (50.0,) * 9)
_QUALITY: Final = 0.4256
_TRUTHS: Final = (("loses nothing", 0.0, 0.95, 1.0), ("loses what is allowed", 1.0, 0.0, 0.08),
                  ("loses twice what is allowed", 2.0, 0.0, 0.05))  # fmt: skip


def characteristics(seed: int) -> Iterator[Row]:
    """How often a form twice as fast passes, by what it loses."""
    with threadpool_limits(1):  # several threads would wait for each other longer than they compute
        yield from _rows(np.random.default_rng(seed))


def _rows(rng: np.random.Generator) -> Iterator[Row]:
    for truth, times, at_least, at_most in _TRUTHS:
        loss = times * ALLOWED_LOSS * _QUALITY
        passed = sum(_passes(*_pages(rng, loss)) for _ in range(_RUNS))
        yield Row("INT8 gate", truth, "passed", passed, _RUNS, at_least, at_most)
    runs = _RUNS // 10
    passed = sum(_passes(*_constant(rng)) for _ in range(runs))
    yield Row("INT8 gate", "gives every result the same score", "passed", passed, runs, at_most=0.0)


def _passes(before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    """The gate's word on two versions by their NDCG@10 of each page."""
    old, new = (marks_of_means("pages", {"ndcg_at_10": each}) for each in (before, after))
    return judge("simulated", bounded_losses(old, new), _FASTER, 100).passed


def _pages(rng: np.random.Generator, loss: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """NDCG of each page before and after; ``loss`` is lost on average, all of it on the pages that moved."""
    before = rng.beta(1.1, 1.5, _PAGES)
    moved = rng.random(_PAGES) < _MOVED
    change = rng.normal(loss / _MOVED, _SPREAD / _MOVED**0.5, _PAGES)
    return before + _QUALITY - before.mean(), before + _QUALITY - before.mean() - np.where(moved, change, 0)


def _constant(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pages as they were shown, whose first results were clicked most: by a good ranker and by a constant."""
    rows, start = _PAGES * _RESULTS, np.arange(_PAGES + 1) * _RESULTS
    place, score = np.arange(rows) % _RESULTS, rng.normal(size=rows)
    gains = (rng.random(rows) < 0.3 / (place + 1) + 0.1 * (score > 1.5)).astype(np.float64)  # noqa: PLR2004
    return ndcg_of_lists(score, gains, start), ndcg_of_lists(np.zeros(rows), gains, start)
