"""Which versions of the assistant run: 1, or 1 and 2, each with the settings in which it differs.

A version is an engine and a gateway: other weights, another engine, other threads. Which of the two has the traffic is
the edge's matter (``canary.json``); requests ask for the same model name, whichever answers them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import msgspec

from servekit.json_file import write_json
from workbench.stack import StackError, is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shop.addresses import Addresses

__all__ = ["CANDIDATE", "candidate_settings", "own_settings", "read_versions", "write_versions"]

CANDIDATE = "ASSISTANT_CANDIDATE_"
"""``ASSISTANT_CANDIDATE_THREADS=2`` is ``ASSISTANT_THREADS=2`` for the candidate alone."""

_PREFIX = "ASSISTANT_"
_Version = Annotated[str, msgspec.Meta(pattern=r"^[12]\Z")]


def read_versions(addresses: Addresses) -> dict[str, dict[str, str]]:
    """The settings of each version that runs; version 1 with none of its own where nothing else was written.

    Raises:
        StackError: the file is not what it should be.
    """
    path = _file(addresses)
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[_Version, dict[str, str]])
    except FileNotFoundError:
        return {"1": {}}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StackError(f"{path}: {error}: expected {{version: {{setting: value}}}}, or no file") from None


def write_versions(addresses: Addresses, versions: Mapping[str, Mapping[str, str]]) -> None:
    """Writes what shall run: the level's next start, and every command about it, goes by this."""
    path = _file(addresses)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, dict(sorted(versions.items())))


def own_settings() -> dict[str, str]:
    """The assistant's settings in this shell, without the candidate's and without secrets."""
    return {name: os.environ[name] for name in sorted(os.environ) if _is_own(name) and not name.startswith(CANDIDATE)}


def candidate_settings() -> dict[str, str]:
    """The settings in which this shell wants the candidate to differ, by the names that its processes know."""
    names = [name for name in sorted(os.environ) if name.startswith(CANDIDATE) and _is_own(name)]
    return {_PREFIX + name.removeprefix(CANDIDATE): os.environ[name] for name in names}


def _is_own(name: str) -> bool:
    # ASSISTANT_MAX_TOKENS has a secret's ending and is a number of tokens
    return name.startswith(_PREFIX) and (not is_secret(name) or name.endswith("_TOKENS"))


def _file(addresses: Addresses) -> Path:
    return addresses.run_dir / "assistant" / "versions.json"
