"""Functions of values: ``histogram_quantile``, ``clamp_max``, ``label_replace`` and the arithmetic ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from workbench.observe.promql.series import NAME, Frame, QueryError, drop

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.observe.promql.series import Floats, Labels

__all__ = ["ELEMENTWISE", "absent", "histogram_quantile", "label_replace", "scalar"]

ELEMENTWISE: dict[str, Callable[..., Floats]] = {
    "abs": np.abs,
    "asin": np.arcsin,
    "ceil": np.ceil,
    "clamp": lambda values, least, most: np.maximum(least, np.minimum(most, values)),
    "clamp_max": np.minimum,
    "clamp_min": np.maximum,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "sqrt": np.sqrt,
}
"""Functions of each value by itself, with further scalar arguments."""

_GROUP = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def scalar(frame: Frame) -> Floats:
    """(moments,) the value of the only series, NaN at moments with none or several."""
    alone = np.count_nonzero(frame.there, axis=0) == 1
    values: Floats = np.where(alone, np.where(frame.there, frame.values, 0).sum(axis=0), np.nan)
    return values


def absent(frame: Frame, labels: Labels) -> Frame:
    """One series of value 1 at the moments at which no series has a value."""
    missing = ~frame.anywhere()
    return Frame([labels], np.ones(missing.shape), missing)


def label_replace(frame: Frame, target: str, replacement: str, source: str, pattern: str) -> Frame:
    """Each series with the label ``target`` made from its label ``source``, where the whole of that matches."""
    whole = re.compile(pattern, re.DOTALL)
    template = _GROUP.sub(lambda group: f"\\g<{group[1] or group[2]}>", replacement)

    def replaced(labels: Labels) -> Labels:
        found = whole.fullmatch(dict(labels).get(source, ""))
        if not found:
            return labels
        value = found.expand(template)
        return tuple(sorted((*drop(labels, (target,)), *([(target, value)] if value else []))))

    return Frame([replaced(labels) for labels in frame.labels], frame.values, frame.there)


def histogram_quantile(quantile: Floats, buckets: Frame) -> Frame:
    """The quantile of each histogram of ``le`` buckets, interpolated within the bucket in which it lies."""
    groups: dict[Labels, list[tuple[float, int]]] = {}
    for row, labels in enumerate(buckets.labels):
        if bound := dict(labels).get("le"):
            groups.setdefault(drop(labels, (NAME, "le")), []).append((_bound(bound), row))
    moments = buckets.values.shape[1]
    frames = []
    for labels, rows in groups.items():
        rows.sort()
        bounds, counts = np.array([bound for bound, _ in rows]), buckets.take([row for _, row in rows])
        values = _quantile(quantile, bounds, np.where(counts.there, counts.values, 0))
        frames.append(Frame([labels], values[np.newaxis], counts.anywhere()))
    return Frame.joined(frames, moments)


def _quantile(quantile: Floats, bounds: Floats, counts: Floats) -> Floats:
    """(moments,) from (buckets,) upper bounds and (buckets, moments) cumulative counts."""
    if len(bounds) < 2 or bounds[-1] != np.inf:  # noqa: PLR2004 - a histogram has a bucket beside the last
        return np.full(counts.shape[1], np.nan)
    counts = np.maximum.accumulate(counts, axis=0)  # a scrape between two buckets' changes leaves them out of order
    rank = quantile * counts[-1]
    within = np.minimum((counts[:-1] < rank).sum(axis=0), len(bounds) - 1)
    moments = np.arange(counts.shape[1])
    upper = bounds[within]
    lower = np.where(within > 0, bounds[within - 1], 0.0)
    before = np.where(within > 0, counts[within - 1, moments], 0.0)
    with np.errstate(all="ignore"):
        inside = lower + (upper - lower) * (rank - before) / (counts[within, moments] - before)
    inside = np.where((within == 0) & (bounds[0] <= 0), bounds[0], inside)
    inside = np.where(within == len(bounds) - 1, bounds[-2], inside)
    return np.where(counts[-1] > 0, inside, np.nan)


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise QueryError(f"le={text!r} is not a number") from None
