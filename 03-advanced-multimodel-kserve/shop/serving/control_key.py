"""The secret without which Triton loads nothing, unloads nothing and changes no setting.

Triton's control API runs what it is given: a model may bring Python of its own. Listening on 127.0.0.1 keeps nobody
out who runs here, a page in a browser least of all. So the server is started with a new secret each time, which a
request for control has to carry in a header of its own; `shop.serving.control` alone reads it.

Known limit: Triton takes the secret on its command line only. The file is its owner's alone, but another user of the
same machine can read it from the list of processes, unless /proc is mounted with ``hidepid``.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from servekit.whole_file import OWNER_ALONE, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from shop.addresses import Addresses

__all__ = ["GRPC_HEADER", "HEADER", "new_key", "read_key", "restrictions"]

HEADER = "shop-control-key"
"""The HTTP header that carries the secret."""

GRPC_HEADER = f"triton-grpc-protocol-{HEADER}"
"""The same for gRPC, where Triton puts this before the name."""

_RESTRICTED = "model-repository,shared-memory,trace,logging"


def restrictions(key: str) -> list[str]:
    """Triton's arguments; what is left to everybody is health, metadata, configurations, statistics and inference."""
    rule = f"{_RESTRICTED}:{HEADER}={key}"
    return [f"--http-restricted-api={rule}", f"--grpc-restricted-protocol={rule}"]


def new_key(addresses: Addresses) -> str:
    """Makes a new secret and writes it to the run folder, readable by its owner alone; an older one no longer works."""
    key = secrets.token_hex(32)
    write_whole(_path(addresses), key.encode(), OWNER_ALONE)
    return key


def read_key(addresses: Addresses) -> str:
    """The secret of the Triton that runs.

    Raises:
        OSError: there is none, or this user may not read it.
    """
    return _path(addresses).read_text(encoding="ascii")


def _path(addresses: Addresses) -> Path:
    return addresses.run_dir / "triton" / "control-key"
