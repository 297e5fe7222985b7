"""``sum by (…)`` and its like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.observe.promql.series import NAME, Frame, drop, keep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.observe.promql.series import Bools, Floats, Labels

__all__ = ["AGGREGATIONS", "aggregate"]


def _sum(values: Floats, there: Bools) -> Floats:
    total: Floats = np.where(there, values, 0).sum(axis=0)
    return total


def _count(_: Floats, there: Bools) -> Floats:
    count: Floats = np.sum(there, axis=0, dtype=np.float64)
    return count


def _average(values: Floats, there: Bools) -> Floats:
    return _sum(values, there) / np.maximum(_count(values, there), 1)


def _largest(values: Floats, there: Bools) -> Floats:
    largest: Floats = np.fmax.reduce(np.where(there, values, np.nan), axis=0)
    return largest


def _smallest(values: Floats, there: Bools) -> Floats:
    smallest: Floats = np.fmin.reduce(np.where(there, values, np.nan), axis=0)
    return smallest


AGGREGATIONS: dict[str, Callable[[Floats, Bools], Floats]] = {
    "avg": _average,
    "count": _count,
    "group": lambda values, _: np.ones(values.shape[1]),
    "max": _largest,
    "min": _smallest,
    "sum": _sum,
}
"""(series, moments), (series, moments) → (moments,) of one group."""


def aggregate(operation: str, frame: Frame, names: Sequence[str], *, without: bool) -> Frame:
    """One series for each group of series that agree in the labels ``names``, or in all others."""
    groups: dict[Labels, list[int]] = {}
    for row, labels in enumerate(frame.labels):
        group = drop(labels, (NAME, *names)) if without else keep(labels, names)
        groups.setdefault(group, []).append(row)
    combine = AGGREGATIONS[operation]
    made = Frame.empty(frame.values.shape[1])
    values = [combine(frame.values[rows], frame.there[rows]) for rows in groups.values()]
    there = [frame.there[rows].any(axis=0) for rows in groups.values()]
    return Frame(list(groups), np.vstack([*values, *made.values]), np.vstack([*there, *made.there])) if groups else made
