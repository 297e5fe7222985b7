"""Who may do what in the two stores, and with which password.

A store that takes anybody's commands is everybody's on this machine: whoever reaches its port empties it, or puts in
its cache what clients then read as a model's answer. So nobody is let in without a password, and nobody may do more
than its work: a gateway cannot write features, the feature loader cannot reach the cache.

Passwords are made once for each run folder, and lie there, each in a file of its owner alone. Valkey itself is given
their digests.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    from shop.addresses import Addresses

__all__ = ["RIGHTS", "Login", "Store", "User", "read_login", "write_users"]

Store: TypeAlias = Literal["features", "cache"]
User: TypeAlias = Literal["gateway", "loader", "operator"]

RIGHTS: dict[Store, dict[User, str]] = {
    "features": {
        "gateway": "~* +get +mget +exists +ping",
        "loader": "~* +get +mset +del +unlink +ping",
        "operator": "~* +@all",
    },
    "cache": {
        "gateway": "~a:* ~l:* ~r:* +get +set +del +ping +eval +time",
        "operator": "~* +@all",
    },
}
"""Keys and commands of each user, as Valkey's ACL has them; the operator is who runs ``make`` commands."""

_OWNER_ALONE = 0o600


class Login(NamedTuple):
    """What a connection begins with."""

    user: str
    password: str


def read_login(addresses: Addresses, store: Store, user: User) -> Login | None:
    """A user's login; ``None`` where no passwords were made: a store of someone else's may have none.

    Raises:
        OSError: there is one that this process may not read.
    """
    try:
        return Login(user, _path(addresses, store, user).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None


def write_users(addresses: Addresses, store: Store) -> Path:
    """Valkey's file of users, who get passwords where they have none."""
    folder = _folder(addresses)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = ["user default off"]
    for user, rights in RIGHTS[store].items():
        login = read_login(addresses, store, user)
        if login is None:
            login = Login(user, secrets.token_hex(32))
            _write(_path(addresses, store, user), login.password)
        digest = hashlib.sha256(login.password.encode()).hexdigest()
        lines.append(f"user {user} on #{digest} resetchannels -@all {rights}")
    path = folder / f"{store}.acl"
    _write(path, "\n".join(lines) + "\n")
    return path


def _write(path: Path, text: str) -> None:
    """Readable by its owner alone from the beginning, and never half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE), "w", encoding="ascii") as file:
        file.write(text)
    fresh.replace(path)


def _path(addresses: Addresses, store: Store, user: User) -> Path:
    return _folder(addresses) / f"{store}-{user}"


def _folder(addresses: Addresses) -> Path:
    return addresses.run_dir.resolve() / "valkey" / "logins"
