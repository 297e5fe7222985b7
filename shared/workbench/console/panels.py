"""The panels of the Grafana dashboards, read from the files that Grafana reads."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Board", "Panel", "PanelQuery", "filled_in", "legend", "read_board"]

_FOLDER = ROOT / "infra" / "grafana" / "dashboards"
_KINDS = {"timeseries", "stat", "heatmap", "table"}
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class PanelQuery:
    """A PromQL expression, and how its series are named: ``{{model}} {{version}}``."""

    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: its name.
        meaning: a sentence.
        kind: ``timeseries``, ``stat``, ``heatmap`` or ``table``.
        unit: Grafana's name of it, e.g. ``reqps``, ``s``, ``percentunit``.
        queries: what it shows.
        limit: from where on a value is bad, if there is such a value.
        stacked: whether its series are drawn on top of each other.
        width: of 24 columns.
    """

    title: str
    meaning: str
    kind: str
    unit: str
    queries: tuple[PanelQuery, ...]
    limit: float | None
    stacked: bool
    width: int


@dataclass(frozen=True)
class Board:
    """A dashboard: its title, what it is about, and its panels by the title of their row."""

    title: str
    about: str
    rows: dict[str, tuple[Panel, ...]]


def read_board(name: str, folder: Path = _FOLDER) -> Board:
    """The dashboard of that file.

    Raises:
        ValueError: it has a kind of panel that is not shown here.
    """
    document = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    rows: dict[str, list[Panel]] = {}
    for panel in document["panels"]:
        if panel["type"] == "row":
            rows[panel["title"]] = []
        elif panel["type"] in _KINDS:
            rows[next(reversed(rows))].append(_panel(panel))
        else:
            raise ValueError(f"{name}: panel {panel['title']} is a {panel['type']}: expected one of {sorted(_KINDS)}")
    return Board(document["title"], document["description"], {name: tuple(panels) for name, panels in rows.items()})


def filled_in(expression: str, rate_interval_s: float, level: int | None = None) -> str:
    """The expression with Grafana's variables filled in: one level or all, every model, and that window for rates."""
    one = ".*" if level is None else str(level)
    for variable, value in {"$__rate_interval": f"{rate_interval_s:.0f}s", "$level": one, "$model": ".*"}.items():
        expression = expression.replace(variable, value)
    return expression


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """The name of a series; without a pattern all its labels."""
    if pattern:
        return _VARIABLE.sub(lambda found: labels.get(found[1], ""), pattern).strip()
    return ", ".join(value for name, value in labels.items() if name != "__name__") or "value"


def _panel(panel: dict[str, Any]) -> Panel:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    steps = defaults.get("thresholds", {}).get("steps", [])
    stacking = defaults.get("custom", {}).get("stacking", {}).get("mode", "none")
    return Panel(
        title=panel["title"],
        meaning=panel.get("description", ""),
        kind=panel["type"],
        unit=defaults.get("unit") or panel.get("options", {}).get("yAxis", {}).get("unit", "short"),
        queries=tuple(PanelQuery(each["expr"], each.get("legendFormat", "")) for each in panel["targets"]),
        limit=next(_limits(steps), None),
        stacked=stacking == "normal",
        width=panel["gridPos"]["w"],
    )


def _limits(steps: list[dict[str, Any]]) -> Iterator[float]:
    yield from (float(step["value"]) for step in steps if step["color"] == "red" and step["value"] is not None)
