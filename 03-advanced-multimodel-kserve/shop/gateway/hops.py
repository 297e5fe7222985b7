"""What a use case asks on its way to an answer, and how much of the request's time each may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.gateway.errors import UnavailableError
from shop.gateway.request import Outgoing, left

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import numpy as np
    from numpy.typing import NDArray

    from servekit.telemetry import RequestRecord
    from shop.gateway.cache import InferenceCache
    from shop.gateway.entry import Entry
    from shop.gateway.fallback import LastGood, Popular
    from shop.gateway.features import FeatureLookup
    from shop.gateway.inference import Inferred, ModelCalls, Signature
    from shop.gateway.metrics import GatewayMetrics
    from shop.gateway.oversight import Oversight
    from shop.gateway.request import Incoming
    from shop.gateway.settings import GatewaySettings

__all__ = ["Hops"]


@dataclass(frozen=True, slots=True)
class Hops:
    """The gateway's collaborators, wired once."""

    settings: GatewaySettings
    lookup: FeatureLookup
    calls: ModelCalls
    cache: InferenceCache | None
    last_good: LastGood
    popular: Popular
    metrics: GatewayMetrics
    oversight: Oversight

    def lookup_s(self, deadline: float) -> float:
        """How long a look-up may take; raises `UnavailableError` when the time is up."""
        return left(deadline) * self.settings.lookup_share

    async def infer(
        self, signature: Signature, version: str, rows: NDArray[np.float32], record: RequestRecord, deadline: float
    ) -> Inferred:
        """What a model says, within what is left."""
        budget_s = left(deadline, self.settings.reserve_ms / 1e3)
        return await self.calls.infer(signature, version, rows, record.traceparent, budget_s)

    async def items(
        self,
        incoming: Incoming,
        model: str,
        what: bytes,
        k: int,
        compute: Callable[[float], Awaitable[Entry]],
        popular: Callable[[], bytes],
    ) -> Outgoing:
        """The best items, from the cache, the model or, where neither can, a fallback.

        Args:
            incoming: the request.
            model: whose answer it is.
            what: what the answer depends on besides the version and the features.
            k: how many are wanted.
            compute: see `InferenceCache.answer`.
            popular: the last resort, written.
        """
        settings, record = self.settings, incoming.record
        release = incoming.version if settings.version_choice == "edge" else f"r{settings.release}"
        last = b"%b:%b:%b" % (model.encode(), release.encode(), what)
        try:
            entry = await self._entry(incoming, model, last, compute)
        except UnavailableError as error:
            return self._degraded(incoming, model, error.reason, self.last_good.get(last), k, popular)
        if not record.laps:
            record.lap("cache")
        record.version = entry.version
        self.last_good.keep(last, entry)
        return Outgoing(_body(entry.best(k), model, entry.version), entry.version)

    async def _entry(
        self, incoming: Incoming, model: str, last: bytes, compute: Callable[[float], Awaitable[Entry]]
    ) -> Entry:
        generation = self.lookup.generation
        if self.cache is None or not generation:
            self.metrics.cached(model, "bypass")
            return await compute(incoming.deadline)
        key = b"%b:%b" % (generation[:16].encode(), last)
        return await self.cache.answer(model, key, compute, incoming.deadline, self.settings.deadline_s)

    def _degraded(
        self, incoming: Incoming, model: str, reason: str, entry: Entry | None, k: int, popular: Callable[[], bytes]
    ) -> Outgoing:
        version = incoming.version
        self.metrics.degraded(model, version, reason)
        incoming.record.lap("fallback")
        items = popular() if entry is None else entry.best(k)
        return Outgoing(_body(items, model, version), version, reason)


def _body(items: bytes, model: str, version: str) -> bytes:
    return b'{"items":[%b],"model":"%b","version":"%b"}' % (items, model.encode(), version.encode())
