"""The size of the two Valkeys: keys × bytes, shards for memory and for work, replicas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from planner.calibration import StoreSize
    from planner.prices import InstanceType

__all__ = ["Store", "cached_keys", "plan_store"]

_GIB: Final = 1024**3
_USABLE: Final = 0.75
"""Of a node's memory; the rest is for replication buffers, fragmentation and forks."""


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """A Valkey cluster: primaries (``shards``), each with its replicas in other zones."""

    keys: int
    bytes_per_key: float
    gib: float
    shards: int
    replicas: int
    nodes: int
    limited_by: str


def cached_keys(misses_per_s: float, ttl_s: float) -> int:
    """How many answers the cache holds at most: by Little's law, those written a second × how long each stays."""
    return math.ceil(misses_per_s * ttl_s)


def plan_store(measured: StoreSize, keys: int, shards_busy: float, replicas: int, node: InstanceType) -> Store:
    """A cluster with enough shards for the memory and for the work, whichever needs more.

    Args:
        measured: bytes a key, as found.
        keys: to be held.
        shards_busy: shards that the work alone would keep as busy as they may be; a shard is one thread.
        replicas: of each primary.
        node: what a shard runs on; three quarters of its memory are for data.
    """
    size = keys * measured.bytes_per_key / _GIB
    for_memory = max(1, math.ceil(size / (node.memory_gib * _USABLE)))
    for_work = max(1, math.ceil(shards_busy - 1e-9))
    shards = max(for_memory, for_work)
    return Store(
        keys=keys,
        bytes_per_key=round(measured.bytes_per_key, 1),
        gib=round(size, 3),
        shards=shards,
        replicas=replicas,
        nodes=shards * (1 + replicas),
        limited_by="memory" if for_memory > for_work else "work",
    )
