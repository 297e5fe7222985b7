"""The gate: a version is served only if it is as good as the one before, and faster where it will be asked.

Both must hold. A model that is fast and wrong costs customers; one that is right and no faster costs an operation for
nothing. The gate decides on figures alone, so what was measured can be judged again.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.optimize.latency import Latencies

__all__ = ["ALLOWED_LOSS", "MARGIN", "SpeedUp", "Verdict", "judge", "speed_up"]

ALLOWED_LOSS: Final = 0.001
"""Of each measure of quality, absolute."""

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
        losses: for each measure of quality, what is lost; negative where it is better.
        speed_up: on the serving batch.
    """

    form: str
    passed: bool
    reasons: tuple[str, ...]
    losses: dict[str, float]
    speed_up: SpeedUp


def judge(
    form: str, before: Mapping[str, float], after: Mapping[str, float], latencies: Latencies, batch: int
) -> Verdict:
    """Judges a form by its quality (measures of which higher is better) and its latency on the serving batch.

    Raises:
        ValueError: the two were judged by different measures.
    """
    if before.keys() != after.keys():
        raise ValueError(f"quality {sorted(after)}: expected the baseline's measures, {sorted(before)}")
    losses = {name: before[name] - after[name] for name in before}
    faster = speed_up(latencies.ratios)
    reasons = [
        f"{name} {after[name]:.4f}: {loss:.4f} below FP32's {before[name]:.4f}, allowed is {ALLOWED_LOSS}"
        for name, loss in losses.items()
        if not loss <= ALLOWED_LOSS  # a quality that is not a number passes no gate
    ]
    if not faster.low >= MARGIN:
        old, new = latencies.baseline_median, latencies.candidate_median
        reasons.append(
            f"batch {batch} {new:.1f} µs: {faster.median:.2f}× as fast as FP32's {old:.1f} µs (95 % interval"
            f" {faster.low:.2f}–{faster.high:.2f}×), expected at least {MARGIN}× throughout"
        )
    return Verdict(form, not reasons, tuple(reasons), losses, faster)


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
