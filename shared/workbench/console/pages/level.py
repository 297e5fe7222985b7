"""A level's page: the way of a request as a picture, the processes, and the panels of the level's dashboard."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from nicegui import ui

from workbench.console.pages.doing import doing
from workbench.console.pages.frame import frame, heading, keep_fresh, scrolling, show_state
from workbench.console.pages.panel import WINDOWS, place
from workbench.console.pages.processes import processes
from workbench.console.picture import draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.console.acting import Actor
    from workbench.console.panels import Board
    from workbench.console.room import Room, ShownLevel

__all__ = ["level_page"]

_OPEN_ROWS = 2
_RARELY_S = 10


def level_page(room: Room, actor: Actor, number: int) -> None:
    """Builds the page."""
    level = room.levels.get(number)
    if level is None:
        with frame(room, "No such level"):
            ui.label(f"There is no level {number}; there are {', '.join(map(str, room.levels))}.")
        return
    with frame(room, level.file.title):
        with ui.row():
            badge = ui.badge("…")
        keep_fresh(lambda: show_state(badge, room.states[number]))
        _picture(room, level)
        heading("Processes")
        processes(room, level, actor)
        doing(level, actor)
        _panels(room, level)


def _picture(room: Room, level: ShownLevel) -> None:
    heading("The way of a request")
    with scrolling():
        drawn = ui.html("", sanitize=False)

    def refresh() -> None:
        state = room.states[level.number]
        file = level.file.with_beside(state.processes)
        svg = draw(file, room.flows(file), state.down)
        if svg != drawn.content:
            drawn.set_content(svg)

    keep_fresh(refresh)


def _panels(room: Room, level: ShownLevel) -> None:
    heading("Panels")
    select = ui.select(list(WINDOWS), value="5 minutes", label="time shown").classes("w-40")

    def window() -> float:
        return WINDOWS[str(select.value)]

    with ui.element("div").classes("w-full column gap-4") as whole:
        _rows(room, level, level.board, window, whole)
    for process, board in level.beside.items():
        with ui.element("div").classes("w-full column gap-4") as section:
            heading(board.title)
            _rows(room, level, board, window, section)
        keep_fresh(partial(_show_if_there, section, room, level, process))


def _rows(room: Room, level: ShownLevel, board: Board, window: Callable[[], float], section: ui.element) -> None:
    for number, (row, panels) in enumerate(board.rows.items()):
        with ui.expansion(row, value=number < _OPEN_ROWS).classes("w-full") as opened, _grid():
            refreshers = [place(room, panel, window, level.number) for panel in panels]
        keep_fresh(partial(_refresh_open, section, opened, window, refreshers))


def _show_if_there(section: ui.element, room: Room, level: ShownLevel, process: str) -> None:
    section.set_visibility(process in room.states[level.number].processes)


def _grid() -> ui.element:
    return ui.element("div").classes("panels")


def _refresh_open(
    section: ui.element, opened: ui.expansion, window: Callable[[], float], refreshers: list[Callable[[], None]]
) -> None:
    """What nobody sees is not computed, and a picture of hours does not change every second."""
    if section.visible and opened.value and (window() <= WINDOWS["5 minutes"] or int(time.time()) % _RARELY_S == 0):
        for refresh in refreshers:
            refresh()
