"""``make console`` and ``make console-down``: the control room on 127.0.0.1, as a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from workbench.console.access import make_token
from workbench.stack import Process, Stack, StackError, TcpReady, down, up
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RUN_DIR", "ConsoleSettings", "main"]

RUN_DIR = Path(".run/console")
"""Its token, its audit log, the reports and samples that it keeps."""


class ConsoleSettings(BaseSettings):
    """Where the control room listens."""

    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    port: int = Field(8090, ge=1, le=65535, description="HTTP port of the control room, on 127.0.0.1.")
    prometheus: str = Field("", description="URL of a Prometheus that the figures come from; empty: the room scrapes.")


def main(argv: Sequence[str] | None = None) -> int:
    """Serves, starts or stops the control room; 0, or 1 with one line that says why it cannot."""
    parser = argparse.ArgumentParser(prog="python -m workbench.console", description="The control room.")
    parser.add_argument("command", choices=["serve", "up", "down"])
    options, settings, console = parser.parse_args(argv), ConsoleSettings(), make_console()
    port = settings.port
    try:
        if options.command == "serve":
            from workbench.console.server import serve  # noqa: PLC0415 - takes a second, which the others need not wait

            serve(port, RUN_DIR, settings.prometheus)
        elif options.command == "up":
            up(_stack(port), console)
            say(f"control room: http://127.0.0.1:{port}/?token={make_token(RUN_DIR / 'token')}")
        else:
            down(_stack(port), console)
    except (StackError, OSError) as error:
        say(f"error: {error}", stderr=True)
        return 1
    return 0


def _stack(port: int) -> Stack:
    command = [sys.executable, "-m", "workbench.console", "serve"]
    return Stack("console", [Process("console", command, TcpReady(port), ports={"http": port})], RUN_DIR)


if __name__ == "__main__":
    sys.exit(main())
