"""The two Valkeys: the feature store, which evicts nothing, and the cache, which evicts what was not used for longest.

Killing the cache costs nothing but time; without the feature store answers are degraded. So they are two processes, and
what one holds never makes room for the other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from servekit.valkey import valkey_command
from shop.features.store import GENERATION
from shop.serving.logins import read_login, write_users

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shop.addresses import Addresses
    from shop.serving.logins import Store, User

__all__ = ["FeaturesReady", "ValkeyReady", "cache_command", "connect", "features_command"]

_PROBE_TIMEOUT_S = 1.0


def features_command(addresses: Addresses) -> list[str]:
    """The feature store's command line. It evicts nothing and writes nothing to disk: the feature loader can refill it.

    Raises:
        FileNotFoundError: there is no Valkey or Redis.
    """
    users = write_users(addresses, "features")
    return valkey_command(addresses.features_port, _folder(addresses, "features"), durable=False, users=users)


def cache_command(addresses: Addresses, memory: str) -> list[str]:
    """The inference cache's command line. It evicts what was not used for longest.

    Raises:
        FileNotFoundError: there is no Valkey or Redis.
    """
    folder, users = _folder(addresses, "cache"), write_users(addresses, "cache")
    return valkey_command(addresses.cache_port, folder, durable=False, cache_memory=memory, users=users)


def connect(
    addresses: Addresses, store: Store, user: User = "operator", host: str = "127.0.0.1", timeout_s: float = 5.0
) -> redis.Redis:
    """A client of one of the stores; it does not retry.

    Raises:
        OSError: the user's password may not be read.
    """
    port = addresses.features_port if store == "features" else addresses.cache_port
    name, password = read_login(addresses, store, user) or (None, None)
    return redis.Redis(
        host,
        port,
        username=name,
        password=password,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


@dataclass(frozen=True)
class ValkeyReady:
    """Ready when the server answers PING, which it does not while it loads or is out of file descriptors."""

    addresses: Addresses
    store: Store

    def missing(self) -> str | None:
        """Why the store is not ready yet, ``None`` when it is."""
        return _ask(self.addresses, self.store, lambda client: None if client.ping() else "no answer to PING")


@dataclass(frozen=True)
class FeaturesReady:
    """Ready when the feature store holds the generation that training left last."""

    addresses: Addresses
    generation: str

    def missing(self) -> str | None:
        """Why the store is not ready yet, ``None`` when it is."""

        def other(client: redis.Redis) -> str | None:
            held = client.get(GENERATION)
            return None if held == self.generation.encode() else "the features are not loaded yet"

        return _ask(self.addresses, "features", other)


def _ask(addresses: Addresses, store: Store, question: Callable[[redis.Redis], str | None]) -> str | None:
    try:
        with connect(addresses, store, timeout_s=_PROBE_TIMEOUT_S) as client:
            return question(client)
    except (redis.RedisError, OSError) as error:
        return f"{store}: {error}"


def _folder(addresses: Addresses, name: str) -> Path:
    folder = addresses.run_dir.resolve() / "valkey" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
