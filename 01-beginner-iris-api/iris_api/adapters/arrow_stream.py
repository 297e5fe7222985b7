"""Batches as Arrow IPC streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from iris_api.adapters.arrow_bound import decompressed_bytes
from iris_api.domain.flower import CLASS_NAMES, FEATURES, MAX_STREAM_ROWS
from servekit.errors import InvalidValueError, MalformedError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["read_answer", "read_rows", "write_answer", "write_rows"]

_MAX_DECOMPRESSED = MAX_STREAM_ROWS * len(FEATURES) * 9
"""Bytes: a float64 or int64, and the bit that says whether it is null, rounded up."""


def read_rows(stream: bytes) -> NDArray[np.float32]:
    """The rows of a stream, shape (n, 4), from numeric columns named as the features, in any order.

    Raises:
        MalformedError: the bytes are no Arrow IPC stream.
        InvalidValueError: a column is missing, unknown, not numeric, or holds nulls; or there are too many rows.
        TooLargeError: the stream is compressed and would take more memory than 500,000 rows can need.
    """
    table = _read(stream, _check)
    if table.num_rows > MAX_STREAM_ROWS:
        raise InvalidValueError("rows", f"{table.num_rows} in the stream", f"expected 1 to {MAX_STREAM_ROWS}")
    rows = np.empty((table.num_rows, len(FEATURES)), np.float32)
    for index, name in enumerate(FEATURES):
        column = table.column(name)
        if column.null_count:
            raise InvalidValueError(f"column {name}", f"{column.null_count} nulls", "expected none")
        with np.errstate(over="ignore"):  # infinite is out of range too
            rows[:, index] = column.to_numpy()
    return rows


def write_rows(rows: NDArray[np.float32]) -> bytes:
    """The Arrow IPC stream of rows (n, 4), as a client sends it."""
    return _write(pa.table({name: rows[:, index] for index, name in enumerate(FEATURES)}))


def write_answer(model: str, version: str, labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> bytes:
    """The Arrow IPC stream of an answer: label, class name, and a column of probabilities for each class."""
    names = pa.DictionaryArray.from_arrays(labels.astype(np.int8), pa.array(CLASS_NAMES))
    columns = {"label": labels, "class_name": names}
    columns |= {name: probabilities[:, index] for index, name in enumerate(CLASS_NAMES)}
    return _write(pa.table(columns).replace_schema_metadata({"model": model, "version": version}))


def read_answer(stream: bytes) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels (n,) and probabilities (n, 3) from an answer's stream, as a client reads it."""
    table = _read(stream)
    probabilities = np.column_stack([table.column(name).to_numpy() for name in CLASS_NAMES])
    return table.column("label").to_numpy(), probabilities


def _read(stream: bytes, check: Callable[[bytes, pa.Schema], None] | None = None) -> pa.Table:
    try:
        reader = pa.ipc.open_stream(stream)
        if check:
            check(stream, reader.schema)
        table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MalformedError("body", None, f"not an Arrow IPC stream: {reason}") from None
    return table


def _check(stream: bytes, schema: pa.Schema) -> None:
    """Checks the schema and the decompressed size, before any column is read."""
    for name in FEATURES:
        if schema.names.count(name) != 1:
            expectation = "given more than once" if name in schema.names else "missing"
            raise InvalidValueError("column", name, f"{expectation}: expected one column of cm")
    for field in schema:
        if field.name not in FEATURES:
            raise InvalidValueError("column", field.name, f"unknown: expected only {', '.join(FEATURES)}")
        if not (pa.types.is_floating(field.type) or pa.types.is_integer(field.type)):
            raise InvalidValueError(f"column {field.name} type", str(field.type), "expected a number of cm")
    size = decompressed_bytes(stream)
    if size > _MAX_DECOMPRESSED:
        raise TooLargeError("body", f"{size} bytes when decompressed", f"expected at most {_MAX_DECOMPRESSED}")


def _write(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
