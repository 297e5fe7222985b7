"""``make up-1``, ``down-1``, ``status-1`` and ``logs-1``: the level's one process under supervision."""

from __future__ import annotations

import sys
from pathlib import Path

from iris_api.settings import IrisSettings
from workbench.environment import OBSERVED
from workbench.stack import HttpReady, Process, Stack, main, remember

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


if __name__ == "__main__":
    remember(1, sys.argv[1:])
    sys.exit(main(stack()))
