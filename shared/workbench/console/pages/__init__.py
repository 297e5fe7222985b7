"""The pages of the control room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from workbench.console.pages.learn import learn_page
from workbench.console.pages.level import level_page
from workbench.console.pages.overview import overview
from workbench.console.pages.reports import reports_page
from workbench.console.pages.traces import traces_page

if TYPE_CHECKING:
    from workbench.console.acting import Actor
    from workbench.console.reports import Shelf
    from workbench.console.room import Room

__all__ = ["build"]


def build(room: Room, actor: Actor, shelf: Shelf) -> None:
    """Registers the pages."""
    ui.page("/", title="Control room")(lambda: overview(room, actor))

    ui.page("/reports", title="Reports")(lambda: reports_page(room, shelf))
    ui.page("/learn", title="Learn")(lambda: learn_page(room))

    @ui.page("/traces", title="Traces")
    def show_traces(level: int = 3, at: float | None = None) -> None:
        traces_page(room, level if level in room.levels else 3, at)

    @ui.page("/level/{number}", title="Level")
    def show_level(number: int) -> None:
        level_page(room, actor, number)
