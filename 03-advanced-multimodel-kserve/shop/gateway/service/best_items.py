"""How each list endpoint gets its items: from the cache, else from the model, else from a fallback.

The fallbacks, for when neither the cache nor the model can answer in time: the last good answer to the same question,
then what is popular. Such an answer is marked as degraded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shop.gateway.domain.errors import UnavailableError
from shop.gateway.service.request import Outgoing

if TYPE_CHECKING:
    from shop.gateway.domain.entry import Entry
    from shop.gateway.service.collaborators import Collaborators
    from shop.gateway.service.request import Incoming

__all__ = ["Computation", "best_items"]


class Computation(Protocol):
    """The list that one request asks for, and how the model makes it.

    Attributes:
        model: the one that makes it.
        key: what the list depends on, besides the model's version and the generation of the features.
        count: how many items the request asks for; the list may have more.
    """

    model: str
    key: bytes
    count: int

    async def compute(self, deadline: float) -> Entry:
        """The list as the model makes it; raises `UnavailableError` where it cannot until the deadline."""

    def popular(self) -> bytes:
        """The last resort: ``count`` popular items, as JSON objects with commas between them."""


async def best_items(collaborators: Collaborators, incoming: Incoming, wanted: Computation) -> Outgoing:
    """The answer with the best items, the first ``wanted.count`` of the list."""
    record, generation = incoming.record, collaborators.lookup.generation
    key = _key(collaborators, incoming, wanted)
    try:
        entry = await _cached_or_computed(collaborators, incoming, wanted, key)
    except UnavailableError as error:
        collaborators.last_good.renew(collaborators.lookup.generation)
        return _fallback(collaborators, incoming, wanted, error.reason, collaborators.last_good.get(key))
    if not record.marks:  # nothing was computed: all the time went to the cache
        record.mark("cache")
    record.version = collaborators.metrics.version(entry.version)
    if generation == collaborators.lookup.generation:  # else it is perhaps made of features that are no more
        collaborators.last_good.renew(generation)
        collaborators.last_good.keep(key, entry)
    return Outgoing(_body(entry.best(wanted.count), wanted.model, entry.version), entry.version)


def _key(collaborators: Collaborators, incoming: Incoming, wanted: Computation) -> bytes:
    settings = collaborators.settings
    release = incoming.version if settings.version_choice == "edge" else f"r{settings.release}"
    return b"%b:%b:%b" % (wanted.model.encode(), release.encode(), wanted.key)


async def _cached_or_computed(
    collaborators: Collaborators, incoming: Incoming, wanted: Computation, key: bytes
) -> Entry:
    generation = collaborators.lookup.generation
    if collaborators.cache is None or not generation:
        collaborators.metrics.cached(wanted.model, "bypass")
        return await wanted.compute(incoming.deadline)
    key = b"%b:%b" % (generation[:16].encode(), key)
    return await collaborators.cache.answer(wanted.model, key, wanted.compute, incoming.deadline)


def _fallback(
    collaborators: Collaborators, incoming: Incoming, wanted: Computation, reason: str, last_good: Entry | None
) -> Outgoing:
    model, version = wanted.model, incoming.version
    collaborators.metrics.degraded(model, version, reason)
    incoming.record.mark("fallback")
    items = wanted.popular() if last_good is None else last_good.best(wanted.count)
    return Outgoing(_body(items, model, version), version, reason)


def _body(items: bytes, model: str, version: str) -> bytes:
    return b'{"items":[%b],"model":"%b","version":"%b"}' % (items, model.encode(), version.encode())
