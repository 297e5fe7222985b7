"""The users of the two stores, their passwords and what each may do.

A store without passwords belongs to everybody on this machine: whoever reaches its port can empty it, or put answers
into the cache that clients then take for a model's. So each user needs a password and may do no more than its work: a
gateway cannot write features, the feature loader cannot reach the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from servekit import valkey_users

if TYPE_CHECKING:
    from pathlib import Path

    from servekit.valkey_users import Login
    from shop.addresses import Addresses

__all__ = ["RIGHTS", "Store", "User", "read_login", "write_users"]

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


def read_login(addresses: Addresses, store: Store, user: User) -> Login | None:
    """A user's login; ``None`` where no passwords were made: a store of someone else's may have none.

    Raises:
        OSError: there is one that this process may not read.
    """
    return valkey_users.read_login(_folder(addresses), store, user)


def write_users(addresses: Addresses, store: Store) -> Path:
    """Writes Valkey's file of users and makes the passwords that are missing; returns the file."""
    return valkey_users.write_users(_folder(addresses), store, dict[str, str](RIGHTS[store].items()))


def _folder(addresses: Addresses) -> Path:
    return addresses.run_dir.resolve() / "valkey" / "logins"
