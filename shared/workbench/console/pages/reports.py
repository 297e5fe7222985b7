"""The reports of all measurements, and two runs of one side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from workbench.console.pages.frame import frame, scrolling
from workbench.console.reports import compared

if TYPE_CHECKING:
    from workbench.console.reports import Shelf
    from workbench.console.room import Room

__all__ = ["reports_page"]

_COLUMNS = ("figure", "first", "second", "change")


def reports_page(room: Room, shelf: Shelf) -> None:
    """Builds the page."""
    shelf.collect()
    reports = shelf.reports()
    with frame(room, "Reports"):
        if not reports:
            ui.label("Nothing was measured yet: make sla-1 measures level 1, and its report comes here.")
            return
        with ui.row().classes("items-end gap-4"):
            report = ui.select(list(reports), value=next(iter(reports)), label="report").classes("w-48")
            first = ui.select([], label="first run").classes("w-56")
            second = ui.select([], label="second run").classes("w-56")
        columns = [{"name": name, "label": name, "field": name, "align": "left"} for name in _COLUMNS]
        with scrolling():
            table = ui.table(columns=columns, rows=[], pagination=50).classes("w-full")

        def offer() -> None:
            runs = reports[str(report.value)]
            first.set_options(runs, value=runs[min(1, len(runs) - 1)])
            second.set_options(runs, value=runs[0])
            show()

        def show() -> None:
            runs = [shelf.read(str(report.value), str(select.value)) for select in (first, second)]
            table.rows[:] = [dict(zip(_COLUMNS, row, strict=True)) for row in compared(*runs)]
            table.update()

        report.on_value_change(offer)
        first.on_value_change(show)
        second.on_value_change(show)
        offer()
