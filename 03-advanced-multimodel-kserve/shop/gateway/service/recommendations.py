"""``POST /v1/recommendations``: the items that suit a user best, of the whole catalogue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from shop.gateway.adapters.inference import PERSONALISATION, personalisation_shards
from shop.gateway.domain.contracts import RecommendationRequest, decoder, read
from shop.gateway.domain.entry import Entry, entry_of
from shop.gateway.domain.merging import merge
from shop.gateway.service.best_items import best_items

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shop.gateway.adapters.inference import Signature
    from shop.gateway.service.collaborators import Collaborators
    from shop.gateway.service.request import Incoming, Outgoing

__all__ = ["CACHED_ITEMS", "Recommendations"]

CACHED_ITEMS = 50
"""How many items an answer in the cache has: as many as a request may want, so that one serves every k."""

_decoder = decoder(RecommendationRequest)


class Recommendations:
    """The use case; someone unknown gets what is popular."""

    model = PERSONALISATION.model

    def __init__(self, collaborators: Collaborators) -> None:
        self._collaborators = collaborators
        self._shards = personalisation_shards(collaborators.settings.shards)

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Answers one request; raises `ServingError` for one that cannot be understood."""
        request = read(_decoder, incoming.body)
        wanted = _Personalisation(self._collaborators, incoming, request, self._shards)
        return await best_items(self._collaborators, incoming, wanted)


class _Personalisation:
    """The best items for one user: look up the embedding, ask the model or each of its shards."""

    model = PERSONALISATION.model

    def __init__(
        self,
        collaborators: Collaborators,
        incoming: Incoming,
        request: RecommendationRequest,
        shards: list[Signature],
    ) -> None:
        self._collaborators, self._incoming = collaborators, incoming
        self._user, self._shards = request.user, shards
        self.key = b"%d" % request.user
        self.count = request.count

    async def compute(self, deadline: float) -> Entry:
        """The user's best items with their scores; raises `UnavailableError` where they cannot be had in time."""
        collaborators, record = self._collaborators, self._incoming.record
        record.mark("cache")
        embedding = await collaborators.lookup.embedding(self._user, collaborators.lookup_s(deadline))
        record.mark("lookup")
        if embedding is None:  # a user whom the model does not know either
            return Entry(self._incoming.version, collaborators.popular.best(CACHED_ITEMS))
        items, scores, version = await self._infer(embedding.reshape(1, -1), deadline)
        record.mark("infer")
        collaborators.metrics.computed(self.model, version, float(scores[0]), record.started_ns)
        entry = entry_of(items[:CACHED_ITEMS].tolist(), scores[:CACHED_ITEMS].tolist(), version)
        record.mark("postprocess")
        return entry

    def popular(self) -> bytes:
        """The most popular items of the shop."""
        return self._collaborators.popular.best(self.count)

    async def _infer(self, user: NDArray[np.float32], deadline: float) -> tuple[NDArray[Any], NDArray[Any], str]:
        infer, version, record = self._collaborators.infer, self._incoming.version, self._incoming.record
        if not self._shards:
            (items, scores), version = await infer(PERSONALISATION, version, user, record, deadline)
            return items, scores, version
        answers = await asyncio.gather(*(infer(shard, version, user, record, deadline) for shard in self._shards))
        items, scores = merge(
            [(each.outputs[0].reshape(1, -1), each.outputs[1].reshape(1, -1)) for each in answers], CACHED_ITEMS
        )
        return items[0], scores[0], answers[0].version
