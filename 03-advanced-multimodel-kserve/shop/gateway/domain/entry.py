"""An answer as the cache keeps it: its items as JSON already, to be cut where a request wants fewer."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["VERSION", "CachedEntry", "Entry", "dump", "entry_of", "load"]

VERSION: Final = re.compile(rb"[0-9]{1,9}")
"""A version, wherever it comes from: it becomes a header and a label of metrics."""

_HEAD = struct.Struct("<BdB")
_FORM = 1
_ITEM = b'{"id":%d,"score":%.7g},'


class Entry(NamedTuple):
    """The version that computed it, and JSON objects with commas between, the best first."""

    version: str
    items: bytes

    def best(self, k: int) -> bytes:
        """The first ``k`` items."""
        parts = self.items.split(b"},", k)
        return self.items if len(parts) <= k else b"},".join(parts[:k]) + b"}"


class CachedEntry(NamedTuple):
    """An entry with the moment (Unix time) after which it is stale."""

    fresh_until: float
    entry: Entry


def entry_of(ids: Sequence[int], scores: Sequence[float], version: str) -> Entry:
    """The entry of these items and scores, in that order; formatted all at once, which is faster than one by one."""
    pairs = [0] * (2 * len(ids))
    pairs[::2], pairs[1::2] = ids, scores  # type: ignore[assignment]  # whole and broken numbers, in turn
    return Entry(version, (_ITEM * len(ids) % tuple(pairs))[:-1])


def dump(cached: CachedEntry) -> bytes:
    """The value as Valkey holds it; `load` reads it."""
    version = cached.entry.version.encode()
    return b"%b%b%b" % (_HEAD.pack(_FORM, cached.fresh_until, len(version)), version, cached.entry.items)


def load(value: bytes | None) -> CachedEntry | None:
    """The entry in a value from Valkey; ``None`` where there is no value, or one that `dump` did not write."""
    if value is None or len(value) <= _HEAD.size:
        return None
    form, fresh_until, length = _HEAD.unpack_from(value)
    at = _HEAD.size + length
    version = value[_HEAD.size : at]
    if form != _FORM or at > len(value) or not VERSION.fullmatch(version):  # it becomes a header
        return None
    return CachedEntry(fresh_until, Entry(version.decode(), value[at:]))
