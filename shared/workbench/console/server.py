"""Serves the control room."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import fastapi
import uvicorn
from nicegui import ui

from workbench.console.access import Gatekeeper, make_token
from workbench.console.acting import Actor
from workbench.console.pages import build
from workbench.console.reports import Shelf
from workbench.console.room import Room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

__all__ = ["serve"]

_COLLECTS_EVERY_S, _SAVES_EVERY_S = 5.0, 300.0
_RECONNECTS_WITHIN_S = 30.0
"""A page that loses its connection, as on a busy machine, keeps its dialogs, its sliders and its output for so long."""


def serve(port: int, run_dir: Path, prometheus: str = "") -> None:
    """Serves on 127.0.0.1 until it is told to stop; the token and the audit log are in `run_dir`."""
    room = Room(prometheus=prometheus)
    history = run_dir / "history"
    shelf = Shelf(run_dir.parent, run_dir / "reports")
    build(room, Actor(room.root, run_dir / "audit"), shelf)

    def save() -> None:
        room.scraper.save(history)

    @asynccontextmanager
    async def lifespan(_: fastapi.FastAPI) -> AsyncIterator[None]:
        room.scraper.load(history)
        loops = [room.run(), _every(_COLLECTS_EVERY_S, shelf.collect), _every(_SAVES_EVERY_S, save)]
        tasks = [asyncio.create_task(loop) for loop in loops]
        yield
        for task in tasks:
            task.cancel()
        save()

    app = fastapi.FastAPI(lifespan=lifespan, openapi_url=None)
    ui.run_with(
        app,
        title="Control room",
        dark=None,
        language="en-US",
        binding_refresh_interval=None,
        show_welcome_message=False,
        reconnect_timeout=_RECONNECTS_WITHIN_S,
    )
    guarded = Gatekeeper(app, make_token(run_dir / "token"))
    uvicorn.run(guarded, host="127.0.0.1", port=port, log_level="warning", access_log=False)


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(act)
