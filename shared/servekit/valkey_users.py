"""Who may do what in a Valkey, and with which password.

A Valkey that takes anybody's commands is everybody's on this machine. So its users are named, each with the rights of
its work; passwords are made once for each run folder, and lie there, each in a file of its owner alone. Valkey itself
is given their digests.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Login", "read_login", "write_users"]

_OWNER_ALONE = 0o600


class Login(NamedTuple):
    """What a connection begins with."""

    user: str
    password: str


def read_login(folder: Path, server: str, user: str) -> Login | None:
    """A user's login; ``None`` where no passwords were made: a server of someone else's may have none.

    Raises:
        OSError: there is one that this process may not read.
    """
    try:
        return Login(user, (folder / f"{server}-{user}").read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None


def write_users(folder: Path, server: str, rights: Mapping[str, str]) -> Path:
    """Valkey's file of users, who get passwords where they have none: ``SERVER.acl``, and a ``SERVER-USER`` for each.

    Args:
        folder: made where it is not there.
        server: the server's name.
        rights: keys and commands of each user, as Valkey's ACL has them.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = ["user default off"]
    for user, may in rights.items():
        login = read_login(folder, server, user)
        if login is None:
            login = Login(user, secrets.token_hex(32))
            _write(folder / f"{server}-{user}", login.password)
        digest = hashlib.sha256(login.password.encode()).hexdigest()
        lines.append(f"user {user} on #{digest} resetchannels -@all {may}")
    path = folder / f"{server}.acl"
    _write(path, "\n".join(lines) + "\n")
    return path


def _write(path: Path, text: str) -> None:
    """Readable by its owner alone from the beginning, and never half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE), "w", encoding="ascii") as file:
        file.write(text)
    fresh.replace(path)
