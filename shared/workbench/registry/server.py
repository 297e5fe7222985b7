"""``make registry-up`` and ``registry-down``: MLflow's own server on this machine's registry, with its web page.

No level needs it. It shows in a browser what ``make registry`` prints, and it is what other machines would talk to:
``MLFLOW_TRACKING_URI=http://127.0.0.1:8400`` has every command go through it. It listens on 127.0.0.1 alone, because
whoever reaches it may change everything: put a proxy that asks who it is in front before anybody else does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from workbench.registry.settings import RegistrySettings
from workbench.stack import HttpReady, Process, Stack, StackError, down, up
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ServerSettings", "main", "server_stack"]

_RUN_DIR = Path(".run/registry-server")
_PROGRAM = Path(".venvs/mlflow/bin/mlflow")
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it would start workers and a queue of its own
}


class ServerSettings(BaseSettings):
    """Where the registry's server listens."""

    model_config = SettingsConfigDict(env_prefix="REGISTRY_")

    port: int = Field(8400, ge=1, le=65535, description="HTTP port of MLflow's server, on 127.0.0.1.")


def server_stack(registry: RegistrySettings, port: int) -> Stack:
    """One worker of MLflow's server, ready once it answers its health check.

    Raises:
        StackError: the registry is no database of this machine.
    """
    if registry.database is None:
        raise StackError(f"MLFLOW_TRACKING_URI {registry.tracking_uri}: expected sqlite:///… for a server of one's own")
    words = [
        str(_PROGRAM.resolve()), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{registry.database.resolve()}", "--no-serve-artifacts",
        "--default-artifact-root", str(_RUN_DIR.resolve() / "artefacts"),
    ]  # fmt: skip
    ready = HttpReady(f"http://127.0.0.1:{port}/health")
    process = Process("mlflow", words, ready, ports={"http": port}, environment=_QUIET, inherits=())
    return Stack("registry", [process], _RUN_DIR, ready_timeout_s=180)


def main(argv: Sequence[str] | None = None) -> int:
    """Starts or stops the server; 0, or 1 with one line that says why it cannot."""
    parser = argparse.ArgumentParser(prog="python -m workbench.registry.server", description="The registry's server.")
    parser.add_argument("command", choices=["up", "down"])
    options, registry, console = parser.parse_args(argv), RegistrySettings(), make_console()
    port = ServerSettings().port
    try:
        if registry.database is not None:
            registry.database.parent.mkdir(parents=True, exist_ok=True)
        stack = server_stack(registry, port)
        if options.command == "down":
            down(stack, console)
            return 0
        up(stack, console)
    except (StackError, OSError) as error:
        say(f"error: {error}", stderr=True)
        return 1
    say(f"MLflow: http://127.0.0.1:{port} shows {registry.database}; make registry-down stops it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
