"""The two Valkeys: one that must not forget, one that must.

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
from shop.models.features_store import GENERATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shop.addresses import Addresses

__all__ = ["FeaturesReady", "ValkeyReady", "cache_command", "connect", "features_command"]

_PROBE_TIMEOUT_S = 1.0


def features_command(addresses: Addresses) -> list[str]:
    """The feature store: nothing is evicted, and nothing is on disk, for the feature loader fills it anew.

    Raises:
        FileNotFoundError: there is no Valkey or Redis.
    """
    return valkey_command(addresses.features_port, _folder(addresses, "features"), durable=False)


def cache_command(addresses: Addresses, memory: str) -> list[str]:
    """The inference cache: what was not used for longest makes room for what is new.

    Raises:
        FileNotFoundError: there is no Valkey or Redis.
    """
    return valkey_command(addresses.cache_port, _folder(addresses, "cache"), durable=False, cache_memory=memory)


def connect(port: int, host: str = "127.0.0.1", timeout_s: float = 5.0) -> redis.Redis:
    """A client that fails rather than to try again."""
    return redis.Redis(
        host, port, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
    )


@dataclass(frozen=True)
class ValkeyReady:
    """Ready when the server answers PING, which it does not while it loads or is out of file descriptors."""

    port: int

    def missing(self) -> str | None:
        """See `servekit.stack.Readiness`."""
        return _ask(self.port, lambda client: None if client.ping() else "no answer to PING")


@dataclass(frozen=True)
class FeaturesReady:
    """Ready when the feature store holds the generation that training left last."""

    port: int
    generation: str

    def missing(self) -> str | None:
        """See `servekit.stack.Readiness`."""

        def other(client: redis.Redis) -> str | None:
            held = client.get(GENERATION)
            return None if held == self.generation.encode() else "the features are not loaded yet"

        return _ask(self.port, other)


def _ask(port: int, question: Callable[[redis.Redis], str | None]) -> str | None:
    try:
        with connect(port, timeout_s=_PROBE_TIMEOUT_S) as client:
            return question(client)
    except redis.RedisError as error:
        return f"port {port}: {error}"


def _folder(addresses: Addresses, name: str) -> Path:
    folder = addresses.run_dir.resolve() / "valkey" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
