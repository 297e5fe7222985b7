"""What is answered when no model can be asked: the last good answer, then what is popular."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.gateway.domain.entry import Entry

__all__ = ["LastGood", "Popular"]


class LastGood:
    """The newest answers of one process, by what was asked; the one asked for longest ago goes first.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._generation = ""

    def renew(self, generation: str) -> None:
        """Forgets everything if the features are of another generation: somebody may have been erased from them."""
        if generation != self._generation:
            self._entries.clear()
            self._generation = generation

    def keep(self, key: bytes, entry: Entry) -> None:
        """Remembers an answer under its key; the one remembered longest ago makes room."""
        entries = self._entries
        entries[key] = entry
        entries.move_to_end(key)
        if len(entries) > self._size:
            entries.popitem(last=False)

    def get(self, key: bytes) -> Entry | None:
        """The last answer under that key."""
        return self._entries.get(key)


class Popular:
    """The most popular items, best first; kept here, for when the store is away."""

    def __init__(self) -> None:
        self._items: list[int] = []
        self._rank: dict[int, int] = {}

    def learn(self, items: list[int]) -> None:
        """Takes over the store's list, unless that is empty."""
        if items and items != self._items:
            self._items = items
            self._rank = {item: rank for rank, item in enumerate(items)}

    def best(self, k: int) -> bytes:
        """The first ``k`` as JSON objects with commas between them; their score is null."""
        return _as_json(self._items[:k])

    def among(self, candidates: Sequence[int], k: int) -> bytes:
        """Likewise ``k`` of the candidates: the most popular first, then the others in their order."""
        last = len(self._rank)
        return _as_json(sorted(candidates, key=lambda item: self._rank.get(item, last))[:k])


def _as_json(items: Sequence[int]) -> bytes:
    return b",".join(b'{"id":%d,"score":null}' % item for item in items)
