"""The assistant's two processes, as `make up-3 WITH=assistant` starts them beside the shop's."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.settings import socket_path
from assistant.weights import WeightsError, find_weights
from workbench.environment import OBSERVED
from workbench.stack import HttpReady, Process, StackError, is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.addresses import Addresses

__all__ = ["SocketReady", "assistant_processes"]

_PYTHON = Path(".venvs/assistant/bin/python")
_PROBE_S = 1.0


@dataclass(frozen=True)
class SocketReady:
    """Ready when a Unix socket accepts a connection."""

    path: Path

    def missing(self) -> str | None:
        """Why it is not ready yet, None when it is."""
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PROBE_S)
                probe.connect(str(self.path))
        except OSError as error:
            return f"{self.path}: {error.strerror or 'no answer yet'}"
        return None


def assistant_processes(addresses: Addresses, chosen: Mapping[str, str], *, check: bool) -> list[Process]:
    """The engine and the gateway of the assistant.

    Args:
        addresses: the level's.
        chosen: the level's settings, for their environment.
        check: whether the weights and the environment must be there.

    Raises:
        StackError: they are not.
    """
    if check:
        _check()
    own = {name: value for name, value in sorted(os.environ.items()) if name.upper().startswith("ASSISTANT_")}
    own = {name: value for name, value in own.items() if not is_secret(name.upper())}
    run_dir, path = addresses.run_dir.resolve(), socket_path(addresses.run_dir)
    port = addresses.assistant_port
    traces = {
        "TELEMETRY_TRACE_FILE": str(run_dir / "traces.jsonl"),
        "TELEMETRY_TRACE_RATIO": os.environ.get("TELEMETRY_TRACE_RATIO", "0.1"),
    }
    return [
        Process(
            "assistant-engine",
            [str(_PYTHON), "-m", "assistant.engine", str(path)],
            SocketReady(path),
            environment=own,
            inherits=("TELEMETRY_LOG_LEVEL",),
        ),
        Process(
            "assistant",
            [sys.executable, "-m", "assistant"],
            HttpReady(f"http://127.0.0.1:{port}/readyz"),
            ports={"http": port},
            environment={**chosen, **own, **traces},
            inherits=("SHOP_API_KEYS", *OBSERVED),
        ),
    ]


def _check() -> None:
    if not _PYTHON.exists():
        raise StackError(f"{_PYTHON}: missing: run make up-3 WITH=assistant, which sets it up")
    try:
        find_weights(os.environ.get("ASSISTANT_MODEL", ""))
    except WeightsError as error:
        raise StackError(str(error)) from None
