"""The inference cache: each answer is computed once, for all callers and all processes.

In Valkey, below ``a:``, an answer with the moment until which it is fresh; below ``l:``, the lock of who computes it.

- fresh: given (``hit``);
- older than that, for ``stale_s``: given too, while one process renews it (``stale``);
- absent: one computes it; the others wait for a bounded time, then compute it themselves (``miss``);
- Valkey away: everything is computed (``bypass``).

Times to live differ by up to a fifth, so that entries written together do not expire together. Keys hold the
model's version and the features' generation: an answer of another version or of older features is never found.
"""

from __future__ import annotations

import asyncio
import logging
from random import random
from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shop.gateway.adapters.valkey import pack
from shop.gateway.domain.entry import CachedEntry, dump, load
from shop.gateway.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.gateway.adapters.metrics import GatewayMetrics
    from shop.gateway.adapters.valkey import Valkey
    from shop.gateway.domain.entry import Entry

__all__ = ["CachePolicy", "Compute", "InferenceCache"]

Compute: TypeAlias = "Callable[[float], Awaitable[Entry]]"
"""``await compute(deadline)`` → the answer, or raises `UnavailableError`; the latter is not kept."""

_log = logging.getLogger("shop.gateway")
_POLL_S = 0.002
_JITTER = 0.1


class CachePolicy(NamedTuple):
    """Times of the cache, in seconds; `GatewaySettings` says what each is."""

    ttl_s: float
    stale_s: float
    wait_s: float
    budget_s: float
    lock_s: float
    refreshes: int
    renew_s: float


class InferenceCache:
    """The cache of one process.

    Args:
        valkey: shared by all processes.
        policy: the times.
        metrics: counts hits and misses.
    """

    def __init__(self, valkey: Valkey, policy: CachePolicy, metrics: GatewayMetrics) -> None:
        self._valkey = valkey
        self._policy = policy
        self._metrics = metrics
        self._flights: dict[bytes, asyncio.Future[Entry]] = {}
        self._renewals: set[asyncio.Task[None]] = set()
        self._lock_ms = b"%d" % max(policy.lock_s * 1e3, 1)

    async def answer(
        self,
        model: str,
        key: bytes,
        compute: Compute,
        deadline: float,
    ) -> Entry:
        """The answer under ``key``, computed where it has to be.

        Args:
            model: for the metrics.
            key: model, version, generation and what else the answer depends on.
            compute: the answer.
            deadline: of this request, on the monotonic clock.
        """
        try:
            value = await self._valkey.ask(pack((b"GET", b"a:" + key)), self._budget(deadline))
        except OSError:
            self._metrics.cached(model, "bypass")
            return await self._shared(key, compute, deadline, self._alone)
        cached = load(value)
        if cached is None:
            self._metrics.cached(model, "miss")
            return await self._shared(key, compute, deadline, self._locked)
        if cached.fresh_until > time():
            self._metrics.cached(model, "hit")
            return cached.entry
        self._metrics.cached(model, "stale")
        if key not in self._flights and len(self._renewals) < self._policy.refreshes:
            renewal = asyncio.get_running_loop().create_task(
                self._renew(key, compute, monotonic() + self._policy.renew_s)
            )
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)
        return cached.entry

    async def close(self) -> None:
        """Waits until the renewals under way have ended."""
        await asyncio.gather(*self._renewals, return_exceptions=True)

    async def _shared(
        self,
        key: bytes,
        compute: Compute,
        deadline: float,
        lead: Callable[[bytes, Compute, float], Awaitable[Entry]],
    ) -> Entry:
        """One computation for all requests of this process that want the same now."""
        while (flight := self._flights.get(key)) is not None:
            try:
                async with asyncio.timeout(max(deadline - monotonic(), 0)):
                    return await asyncio.shield(flight)
            except TimeoutError:
                raise UnavailableError("deadline", "another request was still computing the same") from None
            except UnavailableError as error:
                # whoever led had less time: that is no reason to fail here
                if error.reason != "deadline" or deadline <= monotonic():
                    raise
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            entry = await lead(key, compute, deadline)
        except BaseException as error:
            flight.set_exception(error if isinstance(error, UnavailableError) else UnavailableError("deadline", "left"))
            flight.exception()  # reads it: asyncio complains of an exception that nobody waited for
            raise
        else:
            flight.set_result(entry)
            return entry
        finally:
            del self._flights[key]

    async def _alone(self, key: bytes, compute: Compute, deadline: float) -> Entry:
        del key
        return await compute(deadline)

    async def _locked(self, key: bytes, compute: Compute, deadline: float) -> Entry:
        """Computes under the lock, or waits for the process that has it."""
        try:
            cached, ours = await self._lock(key, deadline)
            if cached is None and not ours:
                cached = await self._wait(key, deadline)
        except OSError:
            return await compute(deadline)
        if cached is not None:
            return cached.entry
        return await self._computed(key, compute, deadline)

    async def _lock(self, key: bytes, deadline: float) -> tuple[CachedEntry | None, bool]:
        """What is there by now, and whether the lock is ours; both in one round trip, so that nobody slips between."""
        lock = pack((b"SET", b"l:" + key, b"1", b"NX", b"PX", self._lock_ms))
        won, value = await self._valkey.ask_all(lock + pack((b"GET", b"a:" + key)), 2, self._budget(deadline))
        cached = load(value)
        return (cached if cached is not None and cached.fresh_until > time() else None), won is not None

    async def _wait(self, key: bytes, deadline: float) -> CachedEntry | None:
        """The answer that another process computes meanwhile; ``None`` when it takes too long."""
        until = min(monotonic() + self._policy.wait_s, deadline)
        pause = _POLL_S
        command = pack((b"GET", b"a:" + key))
        while (left := until - monotonic()) > 0:
            await asyncio.sleep(min(pause, left))
            cached = load(await self._valkey.ask(command, self._budget(deadline)))
            if cached is not None and cached.fresh_until > time():
                return cached
            pause *= 1.5
        return None

    async def _computed(self, key: bytes, compute: Compute, deadline: float) -> Entry:
        try:
            entry = await compute(deadline)
        except BaseException:
            self._valkey.tell(pack((b"DEL", b"l:" + key)))  # the next one need not wait for what will not come
            raise
        fresh_s = self._policy.ttl_s * (1 + _JITTER * (2 * random() - 1))  # noqa: S311 - only to spread expiries
        value = dump(CachedEntry(time() + fresh_s, entry))
        lasts_ms = b"%d" % max((fresh_s + self._policy.stale_s) * 1e3, 1)
        # perhaps the lock ran out and is another's by now: whoever gets it next still finds the answer
        stored = pack((b"SET", b"a:" + key, value, b"PX", lasts_ms))
        self._valkey.tell(stored + pack((b"DEL", b"l:" + key)), 2)
        return entry

    async def _renew(self, key: bytes, compute: Compute, deadline: float) -> None:
        try:
            cached, ours = await self._lock(key, deadline)
            if cached is None and ours:
                await self._shared(key, compute, deadline, self._computed)
        except (OSError, UnavailableError) as error:
            _log.info("a stale answer was not renewed: %s", error)

    def _budget(self, deadline: float) -> float:
        return max(min(self._policy.budget_s, deadline - monotonic()), 0)
