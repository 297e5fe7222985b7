"""``make up-1``, ``down-1``, ``status-1`` and ``logs-1``: the level's one process under supervision."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from iris_api.commands.serving import IrisLevel, IrisReference, place
from iris_api.settings import IrisSettings
from workbench.environment import OBSERVED
from workbench.registry import RegistryError, RegistrySettings, resolve
from workbench.stack import HttpReady, Process, Stack, StackError, main, remember
from workbench.terminal import say

__all__ = ["stack"]


def stack() -> Stack:
    """The API on the ports of its settings; ready once a warm-up prediction succeeds."""
    settings = IrisSettings()
    run_dir = Path(".run/1").resolve()
    api = Process(
        "iris-api",
        [sys.executable, "-m", "iris_api"],
        HttpReady(f"http://127.0.0.1:{settings.port}/readyz"),
        ports={"http": settings.port, "grpc": settings.grpc_port},
        environment={
            "TELEMETRY_TRACE_FILE": str(run_dir / "traces.jsonl"),
            "TELEMETRY_TRACE_RATIO": "0.1",  # ten times the default: a short try-out should leave some to look at
            "AUDIT_DIR": str(run_dir / "audit"),
            # part of the configuration, so that `up` starts the level anew when another folder is to be served
            **{name: os.environ[name] for name in ("IRIS_MODEL_DIR",) if name in os.environ},
        },
        inherits=("IRIS_*", "AUDIT_*", *OBSERVED),
    )
    return Stack(
        1,
        [api],
        run_dir,
        entrypoint=api.name,
        prefix="IRIS_",
        scrape={"iris-api": [settings.port]},
        hosts={"IRIS_HOST": settings.host},
    )


def _up(argv: list[str]) -> int:
    """Starts the level with the model that IRIS_MODEL names; one that is up takes it over."""
    if "IRIS_MODEL_DIR" not in os.environ:
        folder = resolve(IrisReference().model, place(), RegistrySettings(), say)
        if folder != IrisSettings().model_dir:
            os.environ["IRIS_MODEL_DIR"] = str(folder)  # what the level's other commands go on with, too
    level = stack()
    code = main(level, argv)
    if code == 0 and IrisSettings().model_dir == place().served:
        IrisLevel(level).follow()
    return code


if __name__ == "__main__":
    remember(1, sys.argv[1:])
    try:
        sys.exit(_up(sys.argv[1:]) if "up" in sys.argv[1:2] else main(stack()))
    except (RegistryError, StackError) as problem:
        sys.exit(f"error: {problem}")
