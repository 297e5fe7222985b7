"""What a use case asks on its way to an answer, and how much of the request's time each may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from shop.gateway.domain.errors import UnavailableError
from shop.gateway.service.request import Outgoing, left

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from servekit.telemetry import RequestRecord
    from shop.gateway.adapters.cache import Compute, InferenceCache
    from shop.gateway.adapters.features import FeatureLookup
    from shop.gateway.adapters.inference import Inferred, ModelCalls, Signature
    from shop.gateway.adapters.metrics import GatewayMetrics
    from shop.gateway.adapters.oversight import Oversight
    from shop.gateway.domain.entry import Entry
    from shop.gateway.domain.fallback import LastGood, Popular
    from shop.gateway.service.request import Incoming
    from shop.gateway.settings import GatewaySettings

__all__ = ["Hops", "Wanted"]


class Wanted(NamedTuple):
    """The best items that a request asks for.

    Attributes:
        model: whose answer it is.
        what: what the answer depends on besides the version and the features.
        k: how many are wanted.
        compute: computes the answer.
        popular: the last resort, written.
    """

    model: str
    what: bytes
    k: int
    compute: Compute
    popular: Callable[[], bytes]


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

    async def items(self, incoming: Incoming, wanted: Wanted) -> Outgoing:
        """The best items, from the cache, the model or, where neither can, a fallback."""
        settings, record, model = self.settings, incoming.record, wanted.model
        release = incoming.version if settings.version_choice == "edge" else f"r{settings.release}"
        last = b"%b:%b:%b" % (model.encode(), release.encode(), wanted.what)
        try:
            entry = await self._entry(incoming, wanted, last)
        except UnavailableError as error:
            return self._degraded(incoming, wanted, error.reason, self.last_good.get(last))
        if not record.laps:
            record.lap("cache")
        record.version = self.metrics.version(entry.version)
        self.last_good.keep(last, entry)
        return Outgoing(_body(entry.best(wanted.k), model, entry.version), entry.version)

    async def _entry(self, incoming: Incoming, wanted: Wanted, last: bytes) -> Entry:
        generation = self.lookup.generation
        if self.cache is None or not generation:
            self.metrics.cached(wanted.model, "bypass")
            return await wanted.compute(incoming.deadline)
        key = b"%b:%b" % (generation[:16].encode(), last)
        return await self.cache.answer(wanted.model, key, wanted.compute, incoming.deadline)

    def _degraded(self, incoming: Incoming, wanted: Wanted, reason: str, entry: Entry | None) -> Outgoing:
        model, version = wanted.model, incoming.version
        self.metrics.degraded(model, version, reason)
        incoming.record.lap("fallback")
        items = wanted.popular() if entry is None else entry.best(wanted.k)
        return Outgoing(_body(items, model, version), version, reason)


def _body(items: bytes, model: str, version: str) -> bytes:
    return b'{"items":[%b],"model":"%b","version":"%b"}' % (items, model.encode(), version.encode())
