"""The pages of the control room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from workbench.console.pages.level import level_page
from workbench.console.pages.overview import overview

if TYPE_CHECKING:
    from workbench.console.acting import Actor
    from workbench.console.room import Room

__all__ = ["build"]


def build(room: Room, actor: Actor) -> None:
    """Registers the pages."""
    ui.page("/", title="Control room")(lambda: overview(room))

    @ui.page("/level/{number}", title="Level")
    def show_level(number: int) -> None:
        level_page(room, actor, number)
