"""One of two processes that want the same answers at once; the test starts it. Valkey counts what they compute."""

from __future__ import annotations

import asyncio
import sys
from time import monotonic

import uvloop
from prometheus_client import CollectorRegistry

from shop.gateway.adapters.cache import CachePolicy, InferenceCache
from shop.gateway.adapters.metrics import GatewayMetrics
from shop.gateway.adapters.valkey import Valkey, pack
from shop.gateway.domain.entry import Entry
from shop.gateway.domain.versions import Versions

_AT_ONCE = 200
_PATIENT_S = 60.0


async def main(port: int, keys: int) -> None:
    """Asks for every key."""
    valkey, counts = Valkey("127.0.0.1", port), Valkey("127.0.0.1", port)
    policy = CachePolicy(60, 60, _PATIENT_S, _PATIENT_S, _PATIENT_S, 4, _PATIENT_S)
    cache = InferenceCache(valkey, policy, GatewayMetrics(Versions(()), CollectorRegistry()))
    deadline = monotonic() + _PATIENT_S
    turn = iter(range(keys))

    async def ask() -> None:
        for number in turn:
            key = b"%d" % number

            async def compute(_: float, key: bytes = key) -> Entry:
                await counts.ask(pack((b"HINCRBY", b"computed", key, b"1")), _PATIENT_S)
                return Entry("1", b'{"id":%b,"score":1}' % key)

            entry = await cache.answer("ranking", key, compute, deadline)
            assert entry.items == b'{"id":%b,"score":1}' % key

    await asyncio.gather(*(ask() for _ in range(_AT_ONCE)))
    await valkey.ask(pack((b"PING",)), _PATIENT_S)  # what was only told before has arrived, too: the other waits for it
    valkey.close()
    counts.close()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
