"""Who may do what in a Valkey, and with which password.

A Valkey that takes anybody's commands is everybody's on this machine. So its users are named, each with the rights of
its work; passwords are made once for each run folder, and lie there, each in a file of its owner alone. Valkey itself
is given their digests.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, NamedTuple

from servekit.whole_file import OWNER_ALONE, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Login", "read_login", "write_users"]


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
            write_whole(folder / f"{server}-{user}", login.password.encode(), OWNER_ALONE)
        digest = hashlib.sha256(login.password.encode()).hexdigest()
        lines.append(f"user {user} on #{digest} resetchannels -@all {may}")
    path = folder / f"{server}.acl"
    write_whole(path, ("\n".join(lines) + "\n").encode(), OWNER_ALONE)
    return path
