"""The running stack as something to measure: where to send, whose CPU to read, how to empty and size its stores."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import redis

from planner.calibration import StoreSize
from servekit.errors import NotReadyError
from shop.calibration.cache_counters import CacheCounts, read_counts
from shop.serving.stores import connect

if TYPE_CHECKING:
    from shop.addresses import Addresses
    from shop.calibration.processes import Processes
    from shop.serving.logins import Store
    from workbench.sla import Request

__all__ = ["Bench", "RunningStack"]


class Bench(Protocol):
    """What a survey needs of the system that it measures."""

    @property
    def url(self) -> str:
        """The URL that requests go to."""
        ...

    @property
    def processes(self) -> Processes:
        """The processes that work for a request."""
        ...

    def empty_cache(self) -> None:
        """Empties the inference cache."""
        ...

    def counts(self) -> CacheCounts:
        """How many look-ups of the cache there were so far, by model and result."""
        ...

    def stores(self) -> tuple[StoreSize, StoreSize]:
        """The sizes of the feature store and of the cache, as they are now."""
        ...

    def edge_bytes(self, request: Request) -> int:
        """How many bytes a request and its answer's head have together."""
        ...


@dataclass(frozen=True)
class RunningStack:
    """The level that ``make up-3`` has started."""

    url: str
    processes: Processes
    gateway_ports: tuple[int, ...]
    addresses: Addresses

    def empty_cache(self) -> None:
        """Empties the inference cache.

        Raises:
            NotReadyError: the cache does not answer.
        """
        try:
            connect(self.addresses, "cache").flushall()
        except redis.RedisError as problem:
            raise NotReadyError("cache", str(self.addresses.cache_port), f"{problem}: run make up-3") from None

    def counts(self) -> CacheCounts:
        """Look-ups of the cache by all gateways together."""
        return read_counts(self.gateway_ports)

    def stores(self) -> tuple[StoreSize, StoreSize]:
        """The sizes by Valkey's own figures; raises NotReadyError where one does not answer."""
        return _size(self.addresses, "features"), _size(self.addresses, "cache")

    def edge_bytes(self, request: Request) -> int:
        """Counted from one exchange with the edge; raises NotReadyError where it does not answer."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=5)
        try:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            answer.read()
        except OSError:
            raise NotReadyError(self.url, None, "nothing answers: run make up-3") from None
        finally:
            connection.close()
        asked = len(f"{request.method} {request.path} HTTP/1.1\r\n") + len(request.body)
        heads = (dict(request.headers), dict(answer.getheaders()))
        return asked + sum(len(name) + len(value) + 4 for head in heads for name, value in head.items())


def _size(addresses: Addresses, store: Store) -> StoreSize:
    try:
        client = connect(addresses, store)
        keys = int(client.dbsize())
        used = int(client.info("memory")["used_memory"])
    except redis.RedisError as problem:
        raise NotReadyError("store", store, f"{problem}: run make up-3") from None
    return StoreSize(keys, round(used / max(keys, 1), 1))
