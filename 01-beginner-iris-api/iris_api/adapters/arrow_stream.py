"""Batches as Arrow IPC streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from iris_api.domain.flower import CLASS_NAMES, FEATURES
from servekit.errors import InvalidValueError, MalformedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_answer", "read_rows", "write_answer", "write_rows"]


def read_rows(stream: bytes) -> NDArray[np.float32]:
    """The rows of a stream, shape (n, 4), from numeric columns named as the features, in any order.

    Raises:
        MalformedError: not an Arrow IPC stream.
        InvalidValueError: a column is missing, unknown, not numeric, or holds nulls.
    """
    table = _read(stream)
    unknown = next((name for name in table.column_names if name not in FEATURES), None)
    if unknown is not None:
        raise InvalidValueError("column", unknown, f"unknown: expected only {', '.join(FEATURES)}")
    rows = np.empty((table.num_rows, len(FEATURES)), np.float32)
    for index, name in enumerate(FEATURES):
        rows[:, index] = _column(table, name)
    return rows


def write_rows(rows: NDArray[np.float32]) -> bytes:
    """The stream of rows (n, 4), for clients."""
    return _write(pa.table({name: rows[:, index] for index, name in enumerate(FEATURES)}))


def write_answer(model: str, version: str, labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> bytes:
    """The stream of an answer: label, class name, and a column of probabilities for each class."""
    names = pa.DictionaryArray.from_arrays(labels.astype(np.int8), pa.array(CLASS_NAMES))
    columns = {"label": labels, "class_name": names}
    columns |= {name: probabilities[:, index] for index, name in enumerate(CLASS_NAMES)}
    return _write(pa.table(columns).replace_schema_metadata({"model": model, "version": version}))


def read_answer(stream: bytes) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels (n,) and probabilities (n, 3) of an answer, for clients."""
    table = _read(stream)
    probabilities = np.column_stack([table.column(name).to_numpy() for name in CLASS_NAMES])
    return table.column("label").to_numpy(), probabilities


def _read(stream: bytes) -> pa.Table:
    try:
        table = pa.ipc.open_stream(stream).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MalformedError("body", None, f"not an Arrow IPC stream: {reason}") from None
    return table


def _column(table: pa.Table, name: str) -> NDArray[np.float32]:
    if table.column_names.count(name) != 1:
        expectation = "missing" if name not in table.column_names else "given more than once"
        raise InvalidValueError("column", name, f"{expectation}: expected one column of cm")
    column = table.column(name)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise InvalidValueError(f"column {name} type", str(column.type), "expected a number of cm")
    if column.null_count:
        raise InvalidValueError(f"column {name}", f"{column.null_count} nulls", "expected none")
    values: NDArray[np.float32] = column.to_numpy().astype(np.float32)
    return values


def _write(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream
