"""The rate limit of each API key, counted over all gateways.

A count for each process means twice the rate with two of them, and forty times with forty. So the tokens lie in Valkey,
and a gateway fetches a few at a time: one request waits for them, the next ones find them here.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from servekit.errors import ShedError
from shop.gateway.adapters.valkey import Valkey, pack

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LEASE_S", "Bucket", "KeyRates"]

LEASE_S = 0.1
"""How long fetched tokens may be used; what is left of them then is lost."""

_LASTS_S = 0.05
_ALONE_S = 1.0

_TAKE = """
local time = redis.call('TIME')
local now, each, burst = time[1] * 1e6 + time[2], 1e6 / ARGV[1], tonumber(ARGV[2])
local owed = math.max(0, (redis.call('GET', KEYS[1]) or now) - now)
local free = math.floor(burst - owed / each + 0.01)
local taken = math.min(free, tonumber(ARGV[3]))
if taken < 1 then return {0, math.ceil(owed - (burst - 1) * each)} end
owed = owed + taken * each
redis.call('SET', KEYS[1], string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1e3))
return {taken, 0}
"""
"""A token bucket in one number: when it will be full again, in µs of Valkey's own clock (the generic cell rate
algorithm, ITU-T I.371). A full one is forgotten. Gives the tokens taken, or none and the µs until there is one; the
0.01 is for rounding."""


class Bucket:
    """A token bucket of this process: it fills at the rate, holds no more than the burst, and a request takes one."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._since = burst, monotonic()

    def take(self) -> bool:
        """Whether there was a token."""
        now = monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class KeyRates:
    """Takes a token for each request of a key: from the bucket in Valkey that all gateways share.

    In any T seconds all gateways together let in at most ``burst + rate × (T + 0.1)`` requests of a key, for fetched
    tokens are good for 0.1 s. As many are fetched at once as this process used lately in 0.05 s, at least one: a key
    that asks seldom leaves none unused here that another gateway could have had.

    Where Valkey is away or slow, each gateway counts by itself for a second before it asks again: a key may then ask
    at its rate of every gateway. That is more than was agreed, but less than anything, and costs nobody an answer.

    Args:
        store: has the buckets, under ``r:NAME``.
        rate: requests a second for each key; 0: any number.
        burst: requests a key may send at once.
        patience_s: how long a request waits for Valkey at most.
        missed: told each time that Valkey did not answer.
    """

    def __init__(self, store: Valkey, rate: float, burst: float, patience_s: float, missed: Callable[[], None]) -> None:
        self._store = store
        self._rate, self._burst = rate, max(burst, 1.0)
        self._patience_s = patience_s
        self._missed = missed
        self._leases: dict[str, _Lease] = {}
        self._buckets: dict[str, Bucket] = {}
        self._alone_until = 0.0

    async def take(self, name: str) -> None:
        """Counts a request of a key.

        Raises:
            ShedError: the key has used up its rate.
        """
        if self._rate and not await self._has(name):
            raise ShedError("key", name, f"expected at most {self._rate:g} requests a second")

    async def _has(self, name: str) -> bool:
        lease = self._leases.get(name)
        if lease is None:
            lease = self._leases[name] = _Lease()
        while not lease.take(now := monotonic()):
            if now < lease.empty_until:
                return False
            if now < self._alone_until:
                return self._has_alone(name)
            if lease.fetching is None:
                lease.fetching = asyncio.get_running_loop().create_task(self._fetch(name, lease))
            lease.waiting += 1
            try:
                # shielded: the tokens are everybody's, one caller who leaves does not end it
                await asyncio.shield(lease.fetching)
            finally:
                lease.waiting -= 1
        return True

    def _has_alone(self, name: str) -> bool:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(self._rate, self._burst)
        return bucket.take()

    async def _fetch(self, name: str, lease: _Lease) -> None:
        wanted = lease.size()
        command = ("EVAL", _TAKE, "1", f"r:{name}", f"{self._rate!r}", f"{self._burst!r}", str(wanted))
        try:
            taken, wait_us = await self._store.ask(pack(command), self._patience_s)
        except OSError:  # TimeoutError is one
            self._alone_until = monotonic() + _ALONE_S
            self._missed()
        else:
            lease.fill(taken, wait_us / 1e6)
        finally:
            lease.fetching = None


class _Lease:
    """Tokens of one key that were fetched and not used yet."""

    def __init__(self) -> None:
        self.fetching: asyncio.Task[None] | None = None
        self.waiting = 0
        self.empty_until = 0.0
        self._left = self._fetched = 0
        self._since = 0.0

    def take(self, now: float) -> bool:
        """Whether there was a token that is still good."""
        if not self._left or now > self._since + LEASE_S:
            return False
        self._left -= 1
        return True

    def size(self) -> int:
        """How many to fetch: what 0.05 s use up at the pace of the last ones, at most twice as many as those were."""
        used, lasted_s = self._fetched - self._left, max(monotonic() - self._since, 1e-6)
        paced = min(used * _LASTS_S / lasted_s, 2 * self._fetched)
        return max(1, self.waiting, int(paced))

    def fill(self, tokens: int, wait_s: float) -> None:
        """Takes what was fetched; where that was nothing, there is none before ``wait_s``, so nobody need ask."""
        self._left = self._fetched = tokens
        self._since = monotonic()
        if not tokens:
            self.empty_until = self._since + min(wait_s, LEASE_S)
