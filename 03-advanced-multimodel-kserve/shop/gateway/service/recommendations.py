"""``POST /v1/recommendations``: the items that suit a user best, of the whole catalogue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from shop.gateway.adapters.inference import PERSONALISATION
from shop.gateway.domain.contracts import Recommend, decoder, read
from shop.gateway.domain.entry import Entry, written
from shop.gateway.domain.merging import merge
from shop.gateway.service.hops import Wanted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from servekit.telemetry import RequestRecord
    from shop.gateway.service.hops import Hops
    from shop.gateway.service.request import Incoming, Outgoing

__all__ = ["KEPT", "Recommendations"]

MODEL = PERSONALISATION.model
KEPT = 50
"""How many items an answer in the cache has: as many as a request may want, so that one serves every k."""

_decoder = decoder(Recommend)


class Recommendations:
    """The use case; someone unknown gets what is popular."""

    model = MODEL

    def __init__(self, hops: Hops) -> None:
        self._hops = hops
        shards = range(hops.settings.shards)
        self._shards = [PERSONALISATION._replace(model=f"{MODEL}-{each}") for each in shards]

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Answers one request; raises `ServingError` for one that cannot be understood."""
        request = read(_decoder, incoming.body)
        hops, record, version = self._hops, incoming.record, incoming.version

        async def compute(deadline: float) -> Entry:
            return await self._compute(request.user, version, record, deadline)

        def popular() -> bytes:
            return hops.popular.best(request.count)

        return await hops.items(incoming, Wanted(MODEL, b"%d" % request.user, request.count, compute, popular))

    async def _compute(self, user: int, version: str, record: RequestRecord, deadline: float) -> Entry:
        hops = self._hops
        record.lap("cache")
        embedding = await hops.lookup.embedding(user, hops.lookup_s(deadline))
        record.lap("lookup")
        if embedding is None:  # a user whom the model does not know either
            return Entry(version, hops.popular.best(KEPT))
        items, scores, version = await self._infer(embedding.reshape(1, -1), version, record, deadline)
        record.lap("infer")
        hops.metrics.score(MODEL, version, float(scores[0]))
        entry = written(items[:KEPT].tolist(), scores[:KEPT].tolist(), version)
        record.lap("postprocess")
        return entry

    async def _infer(
        self, user: NDArray[np.float32], version: str, record: RequestRecord, deadline: float
    ) -> tuple[NDArray[Any], NDArray[Any], str]:
        if not self._shards:
            (items, scores), version = await self._hops.infer(PERSONALISATION, version, user, record, deadline)
            return items, scores, version
        answers = await asyncio.gather(
            *(self._hops.infer(shard, version, user, record, deadline) for shard in self._shards)
        )
        items, scores = merge(
            [(each.outputs[0].reshape(1, -1), each.outputs[1].reshape(1, -1)) for each in answers], KEPT
        )
        return items[0], scores[0], answers[0].version
