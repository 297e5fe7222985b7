"""Panels as charts: the options of Apache ECharts from the values of a panel's queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.console.panels import legend
from workbench.console.units import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.console.panels import Panel
    from workbench.observe.promql import Frame, Grid
    from workbench.observe.promql.series import Floats

__all__ = ["Series", "heat_options", "last", "line_options", "series_of", "summary"]

_MOST_SERIES = 12
_BAD = "#d32f2f"
_TEXT = "#7a7a7a"  # readable on light and on dark
Series = tuple[str, "Floats"]
"""A name and a value at each moment; NaN where there is none."""


def series_of(panel: Panel, frames: Sequence[Frame]) -> list[Series]:
    """The panel's series with their names, those with the largest values first where there are too many."""
    found = [
        (legend(query.legend, dict(labels)), np.where(frame.there[row], frame.values[row], np.nan))
        for query, frame in zip(panel.queries, frames, strict=True)
        for row, labels in enumerate(frame.labels)
    ]
    found = [each for each in found if np.isfinite(each[1]).any()]
    if len(found) > _MOST_SERIES:
        found.sort(key=lambda each: -float(np.nanmax(each[1])))
    return found[:_MOST_SERIES]


def last(values: Floats) -> float | None:
    """The newest value that is one."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None


def _largest(values: Floats) -> float:
    return float(values[np.isfinite(values)].max())


def line_options(panel: Panel, grid: Grid, series: Sequence[Series]) -> dict[str, Any]:
    """Lines over time, filled on top of each other where the panel stacks."""
    times = (grid.times * 1000).astype(np.int64).tolist()
    drawn = [_line(panel, name, times, values) for name, values in series]
    if panel.limit is not None and drawn:
        limit = {"formatter": f"limit {shown(panel.limit, panel.unit)}", "position": "insideEndTop", "color": _BAD}
        drawn[0]["markLine"] = {
            "symbol": "none", "silent": True, "label": limit,
            "lineStyle": {"color": _BAD}, "data": [{"yAxis": panel.limit}],
        }  # fmt: skip
    return {
        **_common(grid),
        "yAxis": {"type": "value", "min": 0, "axisLabel": {":formatter": _axis(panel.unit)}},
        "series": drawn,
    }


def heat_options(panel: Panel, grid: Grid, frame: Frame) -> dict[str, Any]:
    """How many a second lay in each bucket, over time; the buckets come cumulated, by ``le``."""
    rows = sorted((float(dict(labels)["le"]), row) for row, labels in enumerate(frame.labels))
    counts = np.where(frame.there, frame.values, 0)[[row for _, row in rows]]
    inside = np.maximum(np.diff(counts, axis=0, prepend=0), 0)
    used = np.flatnonzero(inside.any(axis=1)) if rows else np.array([], dtype=int)
    shown_rows = range(used[0], used[-1] + 1) if len(used) else range(0)
    points = [[m, y, round(float(inside[row, m]), 4)] for y, row in enumerate(shown_rows) for m in range(grid.count)]
    times = [_clock(time) for time in grid.times]
    names = [f"≤ {shown(rows[row][0], 's')}" for row in shown_rows]
    common = _common(grid)
    return {
        **common,
        "tooltip": {"position": "top"},
        "xAxis": {"type": "category", "data": times},
        "yAxis": {"type": "category", "data": names},
        "visualMap": {"show": False, "min": 0, "max": max(float(inside.max(initial=0)), 1e-9),
                      "inRange": {"color": ["#1976d200", "#1976d2", "#ff9800", "#d32f2f"]}},
        "series": [{"type": "heatmap", "data": points, "name": panel.title, "progressive": 0, "animation": False}],
    }  # fmt: skip


def summary(panel: Panel, series: Sequence[Series]) -> str:
    """The panel in words, for those who do not see the chart: each series with its newest and its largest value."""
    if not series:
        return f"{panel.title}: no data in this time."
    words = [
        f"{name} {shown(last(values), panel.unit)}, at most {shown(_largest(values), panel.unit)}"
        for name, values in series
    ]
    return f"{panel.title}: {'; '.join(words)}."


def _line(panel: Panel, name: str, times: list[int], values: Floats) -> dict[str, Any]:
    points = [
        [time, None if np.isnan(value) else round(float(value), 9)] for time, value in zip(times, values, strict=True)
    ]
    drawn = {"name": name, "type": "line", "data": points, "showSymbol": False, "animation": False}
    return {**drawn, "stack": "all", "areaStyle": {"opacity": 0.3}} if panel.stacked else drawn


def _common(grid: Grid) -> dict[str, Any]:
    text = {"color": _TEXT}
    return {
        "backgroundColor": "transparent",
        "textStyle": text,
        "grid": {"left": 60, "right": 12, "top": 28, "bottom": 24},
        "legend": {"type": "scroll", "top": 0, "textStyle": text, "pageTextStyle": text},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "time", "min": int(grid.start * 1000), "max": int(grid.end * 1000)},
    }


def _axis(unit: str) -> str:
    """A formatter for the browser, which says what `shown` says."""
    scales = {"s": ("value * 1000", " ms"), "percentunit": ("value * 100", " %"), "bytes": ("value / 1e6", " MB")}
    scale, suffix = scales.get(unit, ("value", "/s" if unit in {"reqps", "ops"} else ""))
    return f"value => +({scale}).toPrecision(3) + '{suffix}'"


def _clock(time: float) -> str:
    seconds = int(time) % 86_400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
