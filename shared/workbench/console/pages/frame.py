"""What all pages share: the navigation, the style, and how a page stays fresh."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from nicegui import ui

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.console.room import Room
    from workbench.console.running import LevelState

__all__ = ["frame", "heading", "keep_fresh", "scrolling", "show_state"]

REFRESH_S = 1.0
_PAGES = {"Traces": "/traces", "Reports": "/reports", "Learn": "/learn"}
_COLOURS = {"up": "green-9", "down": "grey-8"}
_STYLE = """
.flow { width: 100%; min-width: 560px; max-width: 900px; font-size: 12px; --back: #fff; }
body.body--dark .flow { --back: #121212; }
.flow text { fill: currentColor; text-anchor: middle; }
.flow .note { font-size: 10px; }
.flow rect { fill: var(--back); stroke: currentColor; stroke-width: 1.5; }
.flow .outside rect { stroke-dasharray: 4 3; }
.flow .down rect { stroke: #d32f2f; fill: #d32f2f55; stroke-width: 3; }
.flow .arrow text { paint-order: stroke; stroke: var(--back); stroke-width: 4px; }
.flow .arrow path { stroke: #757575; stroke-width: 1.5; }
.flow .busy path { stroke: #2e7d32; stroke-width: 2.5; }
.flow .slow path { stroke: #ef6c00; stroke-width: 3; }
.flow .bad path { stroke: #d32f2f; stroke-width: 3; }
.panels { display: grid; grid-template-columns: repeat(24, minmax(0, 1fr)); gap: 12px; width: 100%; }
@media (max-width: 700px) { .panels { display: block; } .panels > * { margin-bottom: 12px; } }
.figure { font-size: 1.5rem; font-weight: 600; line-height: 1.3; }
.over { color: #d32f2f; }
body.body--dark .over { color: #ff8a80; }
main a { color: #0d47a1; text-decoration: underline; }
body.body--dark main a { color: #90caf9; }
.for-readers { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.scrolls { overflow-x: auto; }
.scrolls .q-table__middle { overflow: visible; }
.log { white-space: pre-wrap; overflow-wrap: anywhere; font-family: monospace; font-size: 12px; }
h1 { font-size: 1.5rem; line-height: 1.4; margin: 0; } h2 { font-size: 1.15rem; line-height: 1.4; margin: 0.4rem 0 0; }
"""


def frame(room: Room, title: str) -> ui.element:
    """The page around its content, with its title; a context to put the rest into."""
    ui.add_css(_STYLE)
    ui.dark_mode(value=None)
    ui.colors(primary="#1565c0")
    places = {"Overview": "/", **{f"Level {number}": f"/level/{number}" for number in room.levels}, **_PAGES}
    with ui.header().classes("items-center py-2"), ui.element("nav").props('aria-label="pages"').classes("row gap-4"):
        for name, path in places.items():
            ui.link(name, path).classes("text-white")
    content = ui.element("div").classes("w-full max-w-6xl mx-auto p-2 column gap-4")
    with content:
        heading(title, 1)
    return content


def heading(text: str, rank: int = 2) -> None:
    """A heading, for eyes and for screen readers."""
    ui.html(f"<h{rank}>{escape(text)}</h{rank}>", sanitize=False)


def scrolling() -> ui.element:
    """A place that is scrolled sideways where it is too narrow, with the keyboard as well."""
    return ui.element("div").classes("w-full scrolls").props('tabindex="0"')


def keep_fresh(refresh: Callable[[], None], every_s: float = REFRESH_S) -> None:
    """Refreshes at once and again and again while somebody looks."""
    ui.timer(every_s, refresh)


def show_state(badge: ui.badge, state: LevelState) -> None:
    """The level's state as a word with a colour."""
    badge.set_text(state.word)
    badge.props(f"color={_COLOURS.get(state.word, 'red-9')}")
