"""The samples of the last 24 hours: all of the last hour, one in ten of the last six, and one in sixty before.

Samples are kept in blocks, one for each metric and span of time, as the differences of their bits, which for a counter
that stands still are zeros and pack to almost nothing. Bits come back as they were.
"""

from __future__ import annotations

import zlib
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from workbench.observe.promql import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.observe.promql import Labels
    from workbench.observe.promql.series import Floats, Matcher

__all__ = ["History", "Keeping"]

_QUICKEST = 1


@dataclass(frozen=True)
class Keeping:
    """How long samples are kept, and how many.

    Attributes:
        every: one sample in so many; they come about once a second.
        per_block: how many of them are packed together.
        seconds: until they are forgotten.
    """

    every: int
    per_block: int
    seconds: float


TIERS = (Keeping(1, 60, 3_600.0), Keeping(10, 60, 21_600.0), Keeping(60, 60, 86_400.0))


@dataclass
class _Block:
    """A span of time: when it was scraped, and the packed samples of each metric."""

    times: Floats
    packed: dict[str, tuple[NDArray[np.intp], bytes]]

    @property
    def size(self) -> int:
        return self.times.nbytes + sum(len(data) + rows.nbytes for rows, data in self.packed.values())


class _KeptBlock(msgspec.Struct):
    times: bytes
    packed: dict[str, tuple[bytes, bytes]]

    @classmethod
    def of(cls, block: _Block) -> _KeptBlock:
        packed = {name: (rows.tobytes(), data) for name, (rows, data) in block.packed.items()}
        return cls(block.times.tobytes(), packed)

    def block(self) -> _Block:
        packed = {name: (np.frombuffer(rows, np.intp), data) for name, (rows, data) in self.packed.items()}
        return _Block(np.frombuffer(self.times), packed)


class _KeptTier(msgspec.Struct):
    blocks: list[_KeptBlock]
    times: list[float]
    rows: int
    fresh: bytes


class _Kept(msgspec.Struct):
    series: list[str]
    labels: list[tuple[tuple[str, str], ...]]
    tiers: list[_KeptTier]


class _Tier:
    """The blocks of one keeping, and the samples that do not fill a block yet."""

    def __init__(self, keeping: Keeping) -> None:
        self.keeping = keeping
        self.blocks: deque[_Block] = deque()
        self.times: list[float] = []
        self._fresh = np.full((0, keeping.per_block), np.nan)
        self._seen = 0

    @property
    def oldest(self) -> float:
        """The time of its first sample."""
        if self.blocks:
            return float(self.blocks[0].times[0])
        return self.times[0] if self.times else np.inf

    @property
    def size(self) -> int:
        """Bytes of samples."""
        return sum(block.size for block in self.blocks) + self._fresh.nbytes

    def fresh(self, rows: Sequence[int]) -> Floats:
        """(rows, samples) of what is not packed yet."""
        self._make_room(max(rows, default=-1) + 1)
        return self._fresh[rows, : len(self.times)]

    def add(self, time: float, row: Floats, names: Mapping[str, list[int]]) -> None:
        self._seen += 1
        if (self._seen - 1) % self.keeping.every:
            return
        self._make_room(len(row))
        self._fresh[: len(row), len(self.times)] = row
        self.times.append(time)
        if len(self.times) == self.keeping.per_block:
            self.blocks.append(_pack(self.times, self._fresh, names))
            self.times, self._fresh = [], np.full(self._fresh.shape, np.nan)
        while self.blocks and self.blocks[0].times[-1] < time - self.keeping.seconds:
            self.blocks.popleft()

    def dump(self) -> _KeptTier:
        """What `load` takes."""
        fresh = np.ascontiguousarray(self._fresh[:, : len(self.times)])
        return _KeptTier([_KeptBlock.of(block) for block in self.blocks], self.times, fresh.shape[0], fresh.tobytes())

    def load(self, kept: _KeptTier) -> None:
        """Takes what another one had."""
        self.blocks.extend(each.block() for each in kept.blocks)
        self.times = kept.times
        self._make_room(kept.rows)
        fresh = np.frombuffer(kept.fresh).reshape(kept.rows, len(kept.times))
        self._fresh[: kept.rows, : len(kept.times)] = fresh

    def _make_room(self, rows: int) -> None:
        if missing := max(0, rows - len(self._fresh)):
            self._fresh = np.vstack([self._fresh, np.full((missing, self.keeping.per_block), np.nan)])


class History:
    """What one target showed."""

    def __init__(self, tiers: Sequence[Keeping] = TIERS) -> None:
        self._tiers = [_Tier(keeping) for keeping in tiers]
        self._rows: dict[str, int] = {}
        self._labels: list[Labels] = []
        self._names: dict[str, list[int]] = defaultdict(list)

    def row(self, series: str) -> int | None:
        """The place of a series as it is written; None before it was entered."""
        return self._rows.get(series)

    def enter(self, series: str, labels: Labels) -> int:
        """Gives a new series a place."""
        place = self._rows[series] = len(self._labels)
        self._labels.append(labels)
        self._names[dict(labels)["__name__"]].append(place)
        return place

    def add(self, time: float, values: Mapping[int, float]) -> None:
        """Adds a scrape: a value by the place of its series; those left out were not shown."""
        row = np.full(len(self._labels), np.nan)
        row[list(values)] = list(values.values())
        for tier in self._tiers:
            tier.add(time, row, self._names)

    def select(
        self, name: str, matches: Sequence[Matcher], start: float, end: float, apart_s: float
    ) -> Iterator[Samples]:
        """The samples of a metric's series within the time, as few as will do."""
        rows = [row for row in self._names.get(name, ()) if all(match(dict(self._labels[row])) for match in matches)]
        if not rows:
            return
        tier = self._reaching(start, apart_s)
        parts = [(block.times, _unpack(block, name, rows)) for block in tier.blocks if _meets(block, start, end)]
        parts += [(np.array(tier.times), tier.fresh(rows))] if tier.times else []
        if parts:
            times, values = np.concatenate([part[0] for part in parts]), np.hstack([part[1] for part in parts])
            held = slice(*np.searchsorted(times, [start, end], side="left") + np.array([0, 1]))
            yield Samples([self._labels[row] for row in rows], times[held], values[:, held])

    @property
    def size(self) -> int:
        """Bytes of samples."""
        return sum(tier.size for tier in self._tiers)

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """Bytes of the newest block of each tier; of what is not packed yet where there is none."""
        return tuple(tier.blocks[-1].size if tier.blocks else tier.size for tier in self._tiers)

    def dump(self) -> bytes:
        """All of it, to be loaded again."""
        tiers = [tier.dump() for tier in self._tiers]
        return msgspec.msgpack.encode({"series": list(self._rows), "labels": self._labels, "tiers": tiers})

    @classmethod
    def loaded(cls, data: bytes) -> History:
        """What was dumped.

        Raises:
            msgspec.MsgspecError: it was not.
        """
        kept = msgspec.msgpack.decode(data, type=_Kept)
        history = cls()
        for series, labels in zip(kept.series, kept.labels, strict=True):
            history.enter(series, labels)
        for tier, saved in zip(history._tiers, kept.tiers, strict=True):
            tier.load(saved)
        return history

    def _reaching(self, start: float, apart_s: float) -> _Tier:
        """Of the tiers that have what was then, the coarsest whose samples are as close as that, or the finest.

        Where none goes back so far, the one that goes back furthest.
        """
        oldest = min(tier.oldest for tier in self._tiers)
        reaching = [tier for tier in self._tiers if tier.oldest <= max(start, oldest)]
        fitting = [tier for tier in reaching if tier.keeping.every <= apart_s]
        return fitting[-1] if fitting else reaching[0]


def _meets(block: _Block, start: float, end: float) -> bool:
    return bool(block.times[-1] >= start and block.times[0] <= end)


def _pack(times: list[float], whole: Floats, names: Mapping[str, list[int]]) -> _Block:
    packed = {}
    for name, places in names.items():
        rows = np.array([place for place in places if place < len(whole)], dtype=np.intp)
        values = whole[rows]
        if not np.isnan(values).all():
            bits = np.ascontiguousarray(values).view(np.uint64)
            bits = np.hstack([bits[:, :1], bits[:, 1:] ^ bits[:, :-1]])
            ordered = np.ascontiguousarray(bits.view(np.uint8).reshape(-1, 8).T)  # all first bytes, all second ones, …
            packed[name] = rows, zlib.compress(ordered.tobytes(), _QUICKEST)
    return _Block(np.array(times), packed)


def _unpack(block: _Block, name: str, rows: list[int]) -> Floats:
    """(rows, samples); NaN where the block has no such row."""
    values = np.full((len(rows), len(block.times)), np.nan)
    if name in block.packed:
        held, data = block.packed[name]
        ordered = np.frombuffer(zlib.decompress(data), np.uint8).reshape(8, -1)
        bits = np.ascontiguousarray(ordered.T).view(np.uint64).reshape(len(held), -1)
        whole = np.bitwise_xor.accumulate(bits, axis=1).view(np.float64)
        at = {int(row): place for place, row in enumerate(held)}
        known = [place for place, row in enumerate(rows) if row in at]
        values[known] = whole[[at[rows[place]] for place in known]]
    return values
