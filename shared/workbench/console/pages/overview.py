"""The first page: each level with its state, rate, latency, errors and budget, and the alerts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nicegui import ui

from workbench.console.pages.frame import frame, heading, keep_fresh, show_state
from workbench.console.pages.panel import WINDOWS, chart, figure
from workbench.console.pages.processes import processes
from workbench.console.units import shown

if TYPE_CHECKING:
    from workbench.console.acting import Actor
    from workbench.console.panels import Panel
    from workbench.console.room import Room, ShownLevel

__all__ = ["overview"]

_ALERTS = "Alerts firing"
_FIGURES, _LATENCY = "Objectives", "Duration"


def overview(room: Room, actor: Actor) -> None:
    """Builds the page."""
    with frame(room, "Control room"):
        _alerts(room)
        for level in room.levels.values():
            _card(room, level, actor)


def _alerts(room: Room) -> None:
    with ui.element("section").props('aria-label="alerts" aria-live="polite"').classes("w-full"):
        said = ui.label("").classes("text-body1")
        table = ui.table(columns=_columns("alert", "state", "for", "what it says", "runbook"), rows=[]).classes(
            "w-full"
        )
        table.set_visibility(False)

    def refresh() -> None:
        raised = room.alerts.raised
        firing = sum(each.firing for each in raised)
        said.set_text(f"{firing} alerts fire, {len(raised) - firing} are pending." if raised else "No alert fires.")
        table.set_visibility(bool(raised))
        table.rows[:] = [
            {
                "alert": each.name,
                "state": "firing" if each.firing else "pending",
                "for": shown(time.time() - each.since, "s"),
                "what it says": each.summary,
                "runbook": each.runbook,
            }
            for each in sorted(raised, key=lambda each: (not each.firing, each.since))
        ]
        table.update()

    keep_fresh(refresh)


def _card(room: Room, level: ShownLevel, actor: Actor) -> None:
    with ui.card().classes("w-full").props(f'role="region" aria-label="{level.file.title}"'):
        with ui.row().classes("items-center gap-4"):
            heading(level.file.title)
            badge = ui.badge("…")
            ui.link(f"open level {level.number}", f"/level/{level.number}")
        with ui.column().classes("w-full") as measured:
            with ui.row().classes("gap-8"):
                figures = [figure(room, panel, level.number) for panel in _figures(room)]
            drawn = chart(room, _latency(room), lambda: WINDOWS["5 minutes"], level.number)

        with ui.expansion("processes").classes("w-full"):
            processes(room, level, actor)

    def refresh() -> None:
        state = room.states[level.number]
        show_state(badge, state)
        measured.set_visibility(state.word != "down")
        if state.word != "down":
            for each in [*figures, drawn]:
                each()

    keep_fresh(refresh)


def _figures(room: Room) -> list[Panel]:
    return [panel for panel in room.overview.rows[_FIGURES] if panel.title != _ALERTS]


def _latency(room: Room) -> Panel:
    panels = (panel for panels in room.overview.rows.values() for panel in panels)
    return next(panel for panel in panels if panel.title == _LATENCY)


def _columns(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "label": name, "field": name, "align": "left"} for name in names]
