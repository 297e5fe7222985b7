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
from workbench.console.room import Room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["serve"]


def serve(port: int, run_dir: Path) -> None:
    """Serves on 127.0.0.1 until it is told to stop; the token and the audit log are in `run_dir`."""
    room = Room()
    build(room, Actor(room.root, run_dir / "audit"))

    @asynccontextmanager
    async def lifespan(_: fastapi.FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(room.run())
        yield
        task.cancel()

    app = fastapi.FastAPI(lifespan=lifespan, openapi_url=None)
    ui.run_with(
        app,
        title="Control room",
        dark=None,
        language="en-US",
        binding_refresh_interval=None,
        show_welcome_message=False,
    )
    guarded = Gatekeeper(app, make_token(run_dir / "token"))
    uvicorn.run(guarded, host="127.0.0.1", port=port, log_level="warning", access_log=False)
