"""The addresses of a running level, which `up` writes down and every command about the level reads.

So a level that was started on ports of its own (``IRIS_PORT=8160 make up-1``) is found by ``make sla-1`` without being
told again, and what answers on a port is taken for the level only if it is a process of this very run folder: another
clone of the repository on the usual port is a stranger.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from servekit.errors import InvalidValueError
from servekit.json_file import write_json
from workbench.stack import inspection
from workbench.stack.elsewhere import elsewhere
from workbench.stack.spec import StackError
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.stack.spec import Stack

__all__ = [
    "Started",
    "check_own",
    "find_started",
    "forget",
    "is_secret",
    "join",
    "own",
    "remember",
    "run_folder",
    "take_over",
    "write_started",
]

_RUN = Path(".run")
_CHOSEN = {3: "SHOP_RUN_DIR"}  # by level, the setting that names another folder
_FILE = "started.json"
_SECRET = re.compile(r"(?:^|_)(?:KEYS?|TOKENS?|SECRETS?|PASSWORDS?)\Z")


class Started(msgspec.Struct, frozen=True):
    """The addresses and settings of a started level.

    Attributes:
        url: the address that its clients use.
        metrics: an address with its metrics, drift's among them.
        settings: the environment variables that chose its ports and folders, as they were.
        scrape: for each job of Prometheus the ports that it scrapes.
    """

    url: str
    metrics: str
    settings: dict[str, str] = {}
    scrape: dict[str, list[int]] = {}


def is_secret(name: str) -> bool:
    """Whether a variable of that name holds what is never written into a file, as ``SHOP_API_KEYS`` does.

    What only contains the letters is none: ``SHOP_KEY_RATE``, ``RECOMMENDER_VALKEY_PORT``.
    """
    return bool(_SECRET.search(name))


def write_started(stack: Stack) -> None:
    """Writes down where a stack listens, if it has an entrypoint."""
    if stack.entrypoint is None:
        return
    ports = {process.name: process.ports for process in stack.processes}
    entrypoint, metrics = ports[stack.entrypoint]["http"], ports[stack.metrics or stack.entrypoint]["http"]
    chosen = {name: value for name, value in sorted(os.environ.items()) if _is_setting(name, stack.prefix)}
    scrape = {job: list(found) for job, found in stack.scrape.items()}
    found = Started(f"http://127.0.0.1:{entrypoint}", f"http://127.0.0.1:{metrics}/metrics", chosen, scrape)
    write_json(stack.home / _FILE, found)


def forget(stack: Stack) -> None:
    """Removes the addresses of a stack that is down."""
    (stack.home / _FILE).unlink(missing_ok=True)


def find_started(level: int, home: Path | None = None) -> Started | None:
    """The addresses of a level; None when `up` has not started it.

    Raises:
        StackError: the file with them is damaged.
    """
    path = _home(level, home) / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Started)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as problem:
        raise StackError(f"{path}: {problem}; `make up-{level}` writes it anew") from None


def own(level: int, home: Path | None = None) -> Started:
    """Where a level listens, after checking that it is this level of this very clone that does.

    This process takes over the settings with which it was started, where the environment says nothing else.

    Raises:
        StackError: the level is not up, or somebody else answers on its port.
    """
    found = find_started(level, home)
    if found is None:
        raise StackError(f"level {level}: not up; run make up-{level}")
    check_own(level, urlsplit(found.url).port or 80, home)
    take_over(level, home)
    return found


def check_own(level: int, port: int, home: Path | None = None) -> None:
    """Checks that no process of another run folder listens on a port.

    Where `up` started the level, the listener must be one of its processes. Else whoever belongs to no stack will do:
    a server started by hand, a container, a forwarded port.

    Raises:
        StackError: a stranger listens there, or nobody.
    """
    home, holder = _home(level, home).resolve(), inspection.port_holder(port)
    whose = inspection.home_of(holder) if holder else None
    up = find_started(level, home) is not None
    if whose == str(home) or (not up and whose is None):
        return
    if up and not inspection.is_taken(port):
        raise StackError(f"port {port}: nothing answers: run make up-{level}")
    who = inspection.describe(holder) if holder else "a process that this user cannot see"
    stack = f" of the stack in {whose}" if whose else ""
    raise StackError(f"port {port}: is another server, {who}{stack}, expected level {level} of {home}")


def take_over(level: int, home: Path | None = None) -> None:
    """This process goes on with the settings that the level was started with, where the environment says nothing else.

    Raises:
        StackError: the file that has them is damaged.
    """
    found = find_started(level, home)
    for name, value in (found.settings if found else {}).items():
        os.environ.setdefault(name, value)


def remember(level: int, arguments: Sequence[str], home: Path | None = None) -> None:
    """All verbs of a level's processes but ``up`` are about those that run, so they go on with their settings.

    Ends the process with exit code 2 when the file that has them is damaged.

    Args:
        level: whose.
        arguments: of the command line; the verb comes first.
        home: the level's run folder, if it is not the usual one.
    """
    if "up" in arguments[:1]:
        return
    try:
        take_over(level, home)
    except StackError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)


def join(level: int, port: Callable[[], int], home: Path | None = None, *, anywhere: bool = False) -> None:
    """Take over the settings with which a level was started, where the environment says nothing else.

    Ends the process with exit code 2 when a stranger listens on the port of the settings.

    Args:
        level: whose.
        port: reads it from the settings, once they are taken over.
        home: the level's run folder, if it is not the usual one.
        anywhere: the command asks the level that ``URL`` names, if it names one; there is nothing to take over then.
    """
    try:
        if anywhere and (url := elsewhere()):
            say(f"level {level} at {url}")
            return
        take_over(level, home)
        check_own(level, port(), home)
    except (StackError, InvalidValueError) as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)


def run_folder(level: int) -> Path:
    """Where a level keeps what it runs with: ``.run/N``, or what its own setting says (``SHOP_RUN_DIR`` of level 3)."""
    return Path(os.environ.get(_CHOSEN.get(level, "")) or _RUN / str(level))


def _home(level: int, home: Path | None) -> Path:
    return home or run_folder(level)


def _is_setting(name: str, prefix: str) -> bool:
    return bool(prefix) and name.startswith(prefix) and not is_secret(name)
