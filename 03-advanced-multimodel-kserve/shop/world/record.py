"""What the shop knows: the record of what happened, in Parquet. Models learn from this and nothing else.

=================  ==================================================================
file               rows
=================  ==================================================================
items.parquet      an item: category, price, day of launch, style_0 … style_11
views.parquet      an item looked at, and whether it was bought
searches.parquet   a search, and how long its page was
results.parquet    an item on a page, and whether it was clicked and bought
reviews.parquet    stars that a buyer gave
payments.parquet   a payment, and whether it turned out to be a fraud
=================  ==================================================================

The same world gives the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shop.world.browsing import Views
from shop.world.catalogue import STYLE
from shop.world.paying import Payments
from shop.world.searching import Searches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Items", "Record", "RecordError", "Reviews", "read_record", "record_sha256", "write_record"]

_TABLES = ("items", "views", "searches", "results", "reviews", "payments")
_RESULT = ("item", "position", "clicked", "bought")


class RecordError(Exception):
    """There is no record to learn from, or it cannot be read."""


@dataclass(frozen=True)
class Items:
    """What is known of each item without watching anybody; columns as in the catalogue."""

    category: NDArray[np.int64]
    price: NDArray[np.float64]
    style: NDArray[np.float32]
    launched: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.category)


@dataclass(frozen=True)
class Reviews:
    """Stars from 1 to 5, in the order of time; the last may be dated after the world's end."""

    time: NDArray[np.int64]
    item: NDArray[np.int64]
    stars: NDArray[np.int64]


@dataclass(frozen=True)
class Record:
    """Everything written down; ``users`` is how many people there are, ``end`` the second after the last."""

    items: Items
    views: Views
    searches: Searches
    reviews: Reviews
    payments: Payments
    users: int
    end: int


def write_record(record: Record, folder: Path) -> None:
    """Writes the Parquet files, with the numbers of users and seconds in the items' metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    searches = _columns(record.searches)
    results = {name: searches.pop(name) for name in _RESULT}
    length = np.diff(searches.pop("start"))
    items = _columns(record.items)
    style = items.pop("style")
    items.update({f"style_{axis}": style[:, axis] for axis in range(STYLE)})
    sizes = {"users": str(record.users), "end": str(record.end)}
    _write(folder / "items.parquet", items, sizes)
    _write(folder / "searches.parquet", {**searches, "length": length})
    _write(folder / "results.parquet", results)
    for name in ("views", "reviews", "payments"):
        _write(folder / f"{name}.parquet", _columns(getattr(record, name)))


def read_record(folder: Path) -> Record:
    """The record that was written there.

    Raises:
        RecordError: a file is missing or is not one of these.
    """
    try:
        tables = {name: pq.read_table(folder / f"{name}.parquet") for name in _TABLES}
        items, views, searches, results, reviews, payments = (_arrays(tables[name]) for name in _TABLES)
        sizes = {key.decode(): int(value) for key, value in tables["items"].schema.metadata.items()}
        style = np.stack([items.pop(f"style_{axis}") for axis in range(STYLE)], axis=1)
        start = np.concatenate([[0], np.cumsum(searches.pop("length"))])
        return Record(
            Items(style=style, **items),
            Views(**views),
            Searches(**searches, **results, start=start),
            Reviews(**reviews),
            Payments(**payments),
            **sizes,
        )
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{folder}: not the record of a world: {error}: run make train-3") from None


def record_sha256(folder: Path, tables: Iterable[str] = _TABLES) -> str:
    """Of the files together."""
    digest = hashlib.sha256()
    for name in tables:
        digest.update((folder / f"{name}.parquet").read_bytes())
    return digest.hexdigest()


def _columns(rows: Any) -> dict[str, NDArray[Any]]:
    return {each.name: getattr(rows, each.name) for each in fields(rows)}


def _write(path: Path, columns: Mapping[str, NDArray[Any]], sizes: Mapping[str, str] | None = None) -> None:
    arrays = {name: column.astype(np.int32) if column.dtype == np.int64 else column for name, column in columns.items()}
    table = pa.table(arrays, metadata=dict(sizes) if sizes else None)
    pq.write_table(table, path, compression="zstd")


def _arrays(table: Any) -> dict[str, NDArray[Any]]:
    arrays = {name: table[name].to_numpy() for name in table.column_names}
    return {name: column.astype(np.int64) if column.dtype == np.int32 else column for name, column in arrays.items()}
