"""The gate: a version is served only if it is proven as good as the one before, and faster where it will be asked.

Both must hold. A model that is fast and wrong costs customers; one that is right and no faster costs an operation for
nothing. As good means that the upper bound of its loss (`shop.optimize.loss`) is within what is allowed: "no loss was
found" is no proof where few pages were looked at. Each measure has to be within; as all of them must, none needs a
sharper bound for there being several (R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling",
Technometrics 24, 1982). The gate decides on figures alone, so what was measured can be judged again.

On the shop's 2,533 pages it passes 99.9 % of the simulated versions that lose nothing, 5 % of those that lose just what
is allowed, none of 1,000 that lose twice as much, and none that gives all results the same score (`characteristics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.optimize.latency import Latencies
    from shop.optimize.loss import Loss

__all__ = ["ALLOWED_LOSS", "MARGIN", "SpeedUp", "Verdict", "judge", "speed_up"]

ALLOWED_LOSS: Final = 0.01
"""Of each measure of quality, as a share of the baseline's. Quantising moves the NDCG of the shop's 2,533 pages by
0.001 (one standard error), a quarter of what this allows; a smaller loss could not be proven with so few."""

MARGIN: Final = 1.03
"""How many times faster at least, at the lower end of the interval: what differs by less is not worth a roll-out."""

_CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class SpeedUp:
    """How many times faster, as a median over the rounds, and its interval at 95 %."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """Whether a form of a model may be served.

    Attributes:
        form: what was judged.
        passed: it may.
        reasons: why not, with figures; empty where it may.
        losses: for each measure of quality.
        speed_up: on the serving batch.
    """

    form: str
    passed: bool
    reasons: tuple[str, ...]
    losses: dict[str, Loss]
    speed_up: SpeedUp


def judge(form: str, losses: Mapping[str, Loss], latencies: Latencies, batch: int) -> Verdict:
    """Judges a form by what it may lose of each measure (higher is better) and its latency on the serving batch."""
    faster = speed_up(latencies.ratios)
    reasons = [
        _too_much(name, loss)
        for name, loss in losses.items()
        if not loss.at_most <= ALLOWED_LOSS * loss.before  # a quality that is not a number passes no gate
    ]
    if not faster.low >= MARGIN:
        old, new = latencies.baseline_median, latencies.candidate_median
        reasons.append(
            f"batch {batch} {new:.1f} µs: {faster.median:.2f}× as fast as FP32's {old:.1f} µs (95 % interval"
            f" {faster.low:.2f}–{faster.high:.2f}×), expected at least {MARGIN}× throughout"
        )
    return Verdict(form, not reasons, tuple(reasons), dict(losses), faster)


def _too_much(name: str, loss: Loss) -> str:
    allowed = ALLOWED_LOSS * loss.before
    few = f": {loss.of} are too few to tell" if loss.lost <= allowed else ""
    beyond = f", {loss.at_most:.4f} at most" if loss.at_most > loss.lost else ""
    found = f"{name} {loss.after:.4f}: {loss.lost:.4f} below FP32's {loss.before:.4f}{beyond}"
    return f"{found}, allowed is {allowed:.4f}{few}"


def speed_up(ratios: Sequence[float]) -> SpeedUp:
    """The median of the ratios with its distribution-free interval: order statistics, symmetric, coverage ≥ 95 %.

    With fewer than 6 ratios no order statistics reach 95 %: the interval is then from the smallest to the largest.

    Raises:
        ValueError: there is no ratio.
    """
    if not ratios:
        raise ValueError("ratios []: expected at least one round of measurements")
    ordered, count = sorted(ratios), len(ratios)
    skipped, outside = 0, 2 * 0.5**count  # chance that the median lies outside the outermost two
    while (outside := outside + 2 * comb(count, skipped + 1) * 0.5**count) <= 1 - _CONFIDENCE:
        skipped += 1
    return SpeedUp(median(ordered), ordered[skipped], ordered[-1 - skipped])
