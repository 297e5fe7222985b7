"""``POST /v1/search``: the candidates of a search, the most relevant first."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np

from shop.features.ranking import Query, build
from shop.gateway.adapters.inference import RANKING
from shop.gateway.domain.contracts import Search as Request
from shop.gateway.domain.contracts import decoder, read
from shop.gateway.domain.entry import Entry, written
from shop.gateway.service.hops import Wanted

if TYPE_CHECKING:
    from shop.gateway.service.hops import Hops
    from shop.gateway.service.request import Incoming, Outgoing

__all__ = ["Search"]

MODEL = RANKING.model
_FEW = 10
_ASKED = Struct("<IBd?")
_decoder = decoder(Request)


class Search:
    """The use case; an item that comes twice among the candidates counts once."""

    model = MODEL

    def __init__(self, hops: Hops) -> None:
        self._hops = hops

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Answers one request; raises `ServingError` for one that cannot be understood."""
        request = read(_decoder, incoming.body)
        hops = self._hops
        candidates = request.candidates
        if len(set(candidates)) < len(candidates):
            candidates = list(dict.fromkeys(candidates))

        async def compute(deadline: float) -> Entry:
            return await self._compute(request, candidates, incoming, deadline)

        def popular() -> bytes:
            return hops.popular.among(candidates, request.count)

        wanted = Wanted(MODEL, _canonical(request, candidates), request.count, compute, popular)
        return await hops.items(incoming, wanted)

    async def _compute(self, request: Request, candidates: list[int], incoming: Incoming, deadline: float) -> Entry:
        hops, record = self._hops, incoming.record
        record.lap("cache")
        user, items = await hops.lookup.search(request.user, candidates, hops.lookup_s(deadline))
        record.lap("lookup")
        features = build(Query(request.query.category, request.query.price), user, items)
        record.lap("features")
        (scores,), version = await hops.infer(RANKING, incoming.version, features, record, deadline)
        record.lap("infer")
        order = np.argsort(-scores, kind="stable")[: _most(request.count, len(candidates))]
        best = scores[order].tolist()
        hops.metrics.score(MODEL, version, best[0])
        hops.oversight.seen(MODEL, version, features[order[:1]], scores[order[:1]])
        entry = written([candidates[place] for place in order.tolist()], best, version)
        record.lap("postprocess")
        return entry


def _most(k: int, candidates: int) -> int:
    """How many items an answer in the cache has: few, unless more are wanted."""
    return min(_FEW if k <= _FEW else candidates, candidates)


def _canonical(request: Request, candidates: list[int]) -> bytes:
    """A digest of what the answer depends on, whatever the order of the candidates."""
    query = request.query
    price = -1.0 if query.price is None else query.price
    digest = blake2b(_ASKED.pack(request.user, query.category, price, request.count <= _FEW), digest_size=16)
    digest.update(np.sort(np.array(candidates, np.uint32)).data)
    return digest.digest()
