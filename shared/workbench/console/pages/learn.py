"""Where the learner stands: what `make progress` says, and the incident that is open."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
from nicegui import ui

from workbench.console.pages.frame import frame, heading, keep_fresh
from workbench.console.units import shown

if TYPE_CHECKING:
    from workbench.console.room import Room

__all__ = ["learn_page", "open_incident"]

_INCIDENT = Path(".learn/incident.json")


def learn_page(room: Room) -> None:
    """Builds the page."""
    with frame(room, "Learn"):
        heading("Progress")
        said = ui.label("…").classes("log w-full").props('tabindex="0"')
        ui.label("Exercises, questions and designs are done in a terminal: make learn, make drill, make design.")
        heading("Incident")
        incident = ui.label("").classes("log w-full")

        async def ask() -> None:
            said.set_text(await _progress(room.root))

        ui.timer(0.1, ask, once=True)

        def look() -> None:
            incident.set_text(open_incident())

        keep_fresh(look)


async def _progress(root: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        "make", "--silent", "progress", cwd=root, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said.decode(errors="replace")


def open_incident(file: Path = _INCIDENT) -> str:
    """The pager's text and the clock of the incident that is being worked on; its cause is not in the file."""
    try:
        found: dict[str, Any] = msgspec.json.decode(file.read_bytes())
        if psutil.pid_exists(int(found["pid"])):
            since = shown(time.time() - float(found["began"]), "s")
            return f"Level {found['level']}, open for {since}\n\n{found['pager']}"
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        pass
    return "No incident is open: make incident opens one."
