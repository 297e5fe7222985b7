"""One panel of a dashboard on a page: a figure, a chart with its words, or a table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import ui

from workbench.console import charts
from workbench.console.room import grid_of
from workbench.console.units import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from nicegui.events import EChartPointClickEventArguments

    from workbench.console.panels import Panel
    from workbench.console.room import Room

__all__ = ["chart", "figure", "place"]

WINDOWS = {"5 minutes": 300.0, "30 minutes": 1_800.0, "6 hours": 21_600.0, "24 hours": 86_400.0}


def place(room: Room, panel: Panel, window: Callable[[], float], level: int | None = None) -> Callable[[], None]:
    """Puts the panel on the page, as wide as in Grafana; returns what refreshes it."""
    with ui.element("section").style(f"grid-column: span {panel.width}").props(f'aria-label="{panel.title}"'):
        if panel.kind == "stat":
            return figure(room, panel, level)
        ui.label(panel.title).classes("text-subtitle2").tooltip(panel.meaning)
        return _listing(room, panel) if panel.kind == "table" else chart(room, panel, window, level)


def figure(room: Room, panel: Panel, level: int | None = None) -> Callable[[], None]:
    """A large number, red where it is over the panel's limit."""
    with ui.column().classes("gap-0"):
        ui.label(panel.title).classes("text-caption").tooltip(panel.meaning)
        label = ui.label("–").classes("figure")

    def refresh() -> None:
        value = room.now(panel.queries[0].expression, level)
        label.set_text(shown(value, panel.unit))
        over = panel.limit is not None and value is not None and value >= panel.limit
        label.classes(add="over" if over else "", remove="" if over else "over")

    return refresh


def chart(room: Room, panel: Panel, window: Callable[[], float], level: int | None = None) -> Callable[[], None]:
    """Lines or a heat map over time, and the same in words for those who do not see it."""
    drawn = (
        ui.echart({}, on_point_click=partial(_open_traces, level)).classes("w-full h-56").props('aria-hidden="true"')
    )
    words = ui.label("").classes("for-readers")

    def refresh() -> None:
        grid = grid_of(window())
        frames = room.frames(panel, grid, level)
        options: dict[str, Any]
        if panel.kind == "heatmap":
            options, said = charts.heat_options(panel, grid, frames[0]), f"{panel.title}: {panel.meaning}"
        else:
            series = charts.series_of(panel, frames)
            options, said = charts.line_options(panel, grid, series), charts.summary(panel, series)
        words.set_text(said)
        drawn.options.clear()
        drawn.options.update(options)
        drawn.update()

    return refresh


def _open_traces(level: int | None, clicked: EChartPointClickEventArguments) -> None:
    """Opens the traces of the moment of a point."""
    if isinstance(clicked.value, list):
        ui.navigate.to(f"/traces?level={level or 3}&at={float(clicked.value[0]) / 1000}")


def _listing(room: Room, panel: Panel) -> Callable[[], None]:
    return partial(_list, room, panel, ui.table(rows=[]).classes("w-full"))


def _list(room: Room, panel: Panel, table: ui.table) -> None:
    (frame,) = room.frames(panel, grid_of(0.0))
    rows = [dict(labels) for row, labels in enumerate(frame.nameless().labels) if frame.there[row, -1]]
    if rows != table.rows:
        names = list(rows[0]) if rows else []
        table.columns = [{"name": name, "label": name, "field": name, "align": "left"} for name in names]
        table.rows[:] = rows
        table.update()
