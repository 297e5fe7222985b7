"""What can be done with a level from its page: each asks first, shows the command it is, and is written down."""

from __future__ import annotations

import asyncio
import shlex
from functools import partial
from typing import TYPE_CHECKING

from nicegui import ui

from servekit.audit import AuditError
from workbench.console.pages.frame import heading
from workbench.stack import StackError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from nicegui.events import GenericEventArguments

    from workbench.console.acting import Actor
    from workbench.console.level_file import Action, Field
    from workbench.console.room import ShownLevel

__all__ = ["doing", "killing", "switching"]

_MOST_LINES = 400


def doing(level: ShownLevel, actor: Actor) -> None:
    """Builds the section."""
    heading("Do")
    number = level.number
    with ui.row().classes("gap-2"):
        log = ui.log(max_lines=_MOST_LINES).classes("w-full h-40").props('role="log" aria-label="output" tabindex="0"')
    with ui.row().classes("gap-2"):
        for title, words in {"Start it": ("make", f"up-{number}"), "Stop it": ("make", f"down-{number}")}.items():
            ui.button(title, on_click=partial(_ask, shlex.join(words), partial(_run, actor, words, log)))
    for action in level.file.action:
        _action(action, actor, log)


def killing(level: int, process: str, actor: Actor) -> Callable[[], Awaitable[None]]:
    """Asks, then kills a process."""

    async def kill() -> None:
        try:
            actor.kill(level, process)
            ui.notify(f"{process} is killed; its supervisor starts it again")
        except (AuditError, StackError, LookupError, OSError) as error:
            ui.notify(str(error), type="negative")

    return partial(_ask, f"kill -9 of {process}", kill)


def switching(level: int, process: str, actor: Actor) -> Callable[[], Awaitable[None]]:
    """Asks, then stops a process that runs, or starts one that was stopped."""

    async def switch() -> None:
        try:
            done = await asyncio.to_thread(actor.switch, level, process)
            ui.notify(f"{process} is {done}")
        except (AuditError, StackError, OSError) as error:
            ui.notify(str(error), type="negative")

    return partial(_ask, f"stop or start {process}", switch)


def _action(action: Action, actor: Actor, log: ui.log) -> None:
    with ui.card().classes("w-full").props(f'role="group" aria-label="{action.title}"'):
        ui.label(action.title).classes("text-subtitle1")
        ui.label(action.about).classes("text-body2")
        with ui.row().classes("items-center gap-6 w-full"):
            fields = {field.name: _field(field) for field in action.field}

            async def begin() -> None:
                try:
                    words = action.words({name: value() for name, value in fields.items()})
                except ValueError as error:
                    ui.notify(str(error), type="negative")
                    return
                await _ask(shlex.join(words), partial(_run, actor, words, log))

            ui.button("Run", on_click=begin).props(f'aria-label="run {action.title}"')


def _field(field: Field) -> Callable[[], str | float]:
    if field.options:
        select = ui.select(list(field.options), value=field.options[0], label=field.label).classes("w-40")
        return lambda: str(select.value)
    chosen = {"value": float(field.at_first)}
    with ui.column().classes("w-64 gap-0"):
        said = ui.label(f"{field.label}: {field.at_first}")

        def choose(event: GenericEventArguments) -> None:
            chosen["value"] = float(event.args)
            said.set_text(f"{field.label}: {chosen['value']:g}")

        # the browser's own slider: Quasar's does not listen to the keyboard
        slider = ui.element("input").classes("w-full").props(f'type="range" aria-label="{field.label}"')
        slider.props(f'min="{field.least}" max="{field.most}"')
        slider.props["^value"] = field.at_first  # the attribute: as a property it would be set back at every update
        slider.on("input", choose, js_handler="(event) => emit(event.target.value)")
    return lambda: chosen["value"]


async def _ask(what: str, act: Callable[[], Awaitable[None]]) -> None:
    with ui.dialog() as dialog, ui.card():
        ui.label("This changes what runs on this machine:")
        ui.label(what).classes("log")
        with ui.row():
            ui.button("Do it", on_click=lambda: dialog.submit(result=True))
            ui.button("Leave it", on_click=lambda: dialog.submit(result=False)).props("flat")
    if await dialog:
        await act()
    dialog.delete()


async def _run(actor: Actor, words: Sequence[str], log: ui.log) -> None:
    log.push(f"$ {shlex.join(words)}")
    try:
        status = await actor.run(words, log.push)
    except (AuditError, OSError) as error:
        log.push(f"not run: {error}")
        return
    log.push(f"ended with status {status}")
