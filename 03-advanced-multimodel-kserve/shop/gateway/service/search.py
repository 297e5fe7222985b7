"""``POST /v1/search``: the candidates of a search, the most relevant first."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np

from shop.features.ranking import Query, build
from shop.gateway.adapters.inference import RANKING
from shop.gateway.domain.contracts import SearchRequest, decoder, read
from shop.gateway.domain.entry import entry_of
from shop.gateway.service.best_items import best_items

if TYPE_CHECKING:
    from shop.gateway.domain.entry import Entry
    from shop.gateway.service.collaborators import Collaborators
    from shop.gateway.service.request import Incoming, Outgoing

__all__ = ["Search"]

_FEW = 10
_DIGESTED = Struct("<IBd?")
_decoder = decoder(SearchRequest)


class Search:
    """The use case; an item that comes twice among the candidates counts once."""

    model = RANKING.model

    def __init__(self, collaborators: Collaborators) -> None:
        self._collaborators = collaborators

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Answers one request; raises `ServingError` for one that cannot be understood."""
        request = read(_decoder, incoming.body)
        return await best_items(self._collaborators, incoming, _Ranking(self._collaborators, incoming, request))


class _Ranking:
    """The candidates of one search, ranked: look up features, ask the model, sort."""

    model = RANKING.model

    def __init__(self, collaborators: Collaborators, incoming: Incoming, request: SearchRequest) -> None:
        candidates = request.candidates
        if len(set(candidates)) < len(candidates):
            candidates = list(dict.fromkeys(candidates))
        self._collaborators, self._incoming = collaborators, incoming
        self._request, self._candidates = request, candidates
        self.key = _digest(request, candidates)
        self.count = request.count

    async def compute(self, deadline: float) -> Entry:
        """The best candidates with their scores; raises `UnavailableError` where they cannot be had in time."""
        collaborators, record, request = self._collaborators, self._incoming.record, self._request
        record.mark("cache")
        timeout_s = collaborators.lookup_s(deadline)
        user, items = await collaborators.lookup.search(request.user, self._candidates, timeout_s)
        record.mark("lookup")
        features = build(Query(request.query.category, request.query.price), user, items)
        record.mark("features")
        (scores,), version = await collaborators.infer(RANKING, self._incoming.version, features, record, deadline)
        record.mark("infer")
        order = np.argsort(-scores, kind="stable")[: _most(request.count, len(self._candidates))]
        best = scores[order].tolist()
        collaborators.metrics.computed(self.model, version, best[0], record.started_ns)
        any_one = int.from_bytes(self.key[:4]) % len(scores)  # what is asked, and not what the model likes
        collaborators.monitor.observe(
            self.model, version, features[any_one : any_one + 1], scores[any_one : any_one + 1]
        )
        entry = entry_of([self._candidates[place] for place in order.tolist()], best, version)
        record.mark("postprocess")
        return entry

    def popular(self) -> bytes:
        """The candidates, the most popular first."""
        return self._collaborators.popular.among(self._candidates, self.count)


def _most(k: int, candidates: int) -> int:
    """How many items an answer in the cache has: few, unless more are wanted."""
    return min(_FEW if k <= _FEW else candidates, candidates)


def _digest(request: SearchRequest, candidates: list[int]) -> bytes:
    """16 bytes for what the answer depends on, whatever the order of the candidates."""
    query = request.query
    price = -1.0 if query.price is None else query.price
    digest = blake2b(_DIGESTED.pack(request.user, query.category, price, request.count <= _FEW), digest_size=16)
    digest.update(np.sort(np.array(candidates, np.uint32)).data)
    return digest.digest()
