"""The two processes of each version of the assistant, as `make up-3 WITH=assistant` starts them beside the shop's."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.canary.versions import own_settings, read_versions
from assistant.settings import socket_path
from assistant.weights import WeightsError, find_weights
from workbench.environment import OBSERVED
from workbench.stack import HttpReady, Process, StackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.addresses import Addresses

__all__ = ["SocketReady", "assistant_processes"]

_PYTHON = Path(".venvs/assistant/bin/python")
_PROBE_S = 1.0
_MODEL = "ASSISTANT_MODEL"


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
    """An engine and a gateway for each version of the assistant that runs.

    Args:
        addresses: the level's.
        chosen: the level's settings, for their environment.
        check: whether the weights and the environment must be there.

    Raises:
        StackError: they are not.
    """
    versions, own = read_versions(addresses), own_settings()
    if check:
        _check([settings.get(_MODEL, own.get(_MODEL, "")) for settings in versions.values()])
    return [
        process
        for version, settings in versions.items()
        for process in _of_version(addresses, version, {**chosen, **own}, settings)
    ]


def _of_version(addresses: Addresses, version: str, shared: dict[str, str], settings: dict[str, str]) -> list[Process]:
    run_dir, path = addresses.run_dir.resolve(), socket_path(addresses.run_dir, version)
    first = version == "1"
    name, port = ("assistant", addresses.assistant_port) if first else ("assistant-2", addresses.assistant_2_port)
    traces = {
        "TELEMETRY_TRACE_FILE": str(run_dir / "traces.jsonl"),
        "TELEMETRY_TRACE_RATIO": os.environ.get("TELEMETRY_TRACE_RATIO", "0.1"),
    }
    mine = {} if first else {"SHOP_ASSISTANT_PORT": str(port), "ASSISTANT_VERSION": version}
    # under whatever weights, requests ask for the model by the name that it has had
    named = {each: value for each, value in settings.items() if each != _MODEL}
    return [
        Process(
            f"{name}-engine",
            [str(_PYTHON), "-m", "assistant.engine", str(path)],
            SocketReady(path),
            environment={each: value for each, value in (shared | settings).items() if each.startswith("ASSISTANT_")},
            inherits=("TELEMETRY_LOG_LEVEL",),
        ),
        Process(
            name,
            [sys.executable, "-m", "assistant"],
            HttpReady(f"http://127.0.0.1:{port}/readyz"),
            ports={"http": port},
            environment={**shared, **named, **mine, **traces},
            inherits=("SHOP_API_KEYS", *OBSERVED),
        ),
    ]


def _check(models: Sequence[str]) -> None:
    if not _PYTHON.exists():
        raise StackError(f"{_PYTHON}: missing: run make up-3 WITH=assistant, which sets it up")
    try:
        for model in models:
            find_weights(model)
    except WeightsError as error:
        raise StackError(str(error)) from None
