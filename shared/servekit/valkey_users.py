"""The users of a Valkey, their rights and their passwords.

A Valkey without users obeys every process on this machine. So it has named users, each with the rights for its work.
Passwords are made once for each run folder and lie there, each in a file that only its owner can read. Valkey itself
gets only their digests.
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
    """The user and password that a connection begins with."""

    user: str
    password: str


def read_login(folder: Path, server: str, user: str) -> Login | None:
    """A user's login; ``None`` where no passwords were made, as with a server that somebody else runs.

    Raises:
        OSError: this process may not read the password's file.
    """
    try:
        return Login(user, (folder / f"{server}-{user}").read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None


def write_users(folder: Path, server: str, rights: Mapping[str, str]) -> Path:
    """The path of Valkey's file of users, ``SERVER.acl``; users without a password get one, in ``SERVER-USER``.

    Args:
        folder: the folder of both, which is created if needed.
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
