"""A level's logs and spans as columns, ready to be queried."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from workbench.observe.spans import read_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["LOGS", "SPANS", "flatten", "log_files", "log_table", "span_table"]

LOGS = pa.schema(
    [
        ("ts", pa.timestamp("us")),  # UTC
        ("level", pa.string()),
        ("message", pa.string()),
        ("service", pa.string()),
        ("method", pa.string()),
        ("route", pa.string()),
        ("status", pa.int32()),
        ("duration_ms", pa.float64()),
        ("trace_id", pa.string()),
        ("model", pa.string()),
        ("version", pa.string()),
        ("logger", pa.string()),
        ("error", pa.string()),
        ("process", pa.string()),
        ("raw", pa.string()),
    ]
)
"""A row for each line; of a line that is not JSON only ``message``, ``process`` and ``raw`` are known."""

SPANS = pa.schema(
    [
        ("ts", pa.timestamp("us")),  # UTC
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_id", pa.string()),
        ("service", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("duration_ms", pa.float64()),
        ("status", pa.string()),
        ("attributes", pa.string()),  # JSON
    ]
)
"""A row for each span of the traces that were kept."""

_ECS = {
    "level": "log.level",
    "message": "message",
    "service": "service.name",
    "method": "http.request.method",
    "route": "http.route",
    "trace_id": "trace.id",
    "model": "labels.model",
    "version": "labels.version",
    "logger": "log.logger",
    "error": "error.message",
}
_CHUNK = 50_000


def log_files(run_dir: Path) -> list[Path]:
    """The log files of a level, rotated ones (``.log.1``) included."""
    return sorted(run_dir.glob("logs/*.log*"))


def log_table(files: Iterable[Path]) -> pa.Table:
    """The lines of all files, see `LOGS`."""
    return _table(LOGS, (_row(line, file.name.partition(".")[0]) for file in files for line in _lines(file)))


def span_table(paths: Iterable[Path]) -> pa.Table:
    """The spans of ``traces*.jsonl``, see `SPANS`; none when there is no such file yet."""
    return _table(SPANS, _span_rows([path for path in paths if path.is_file()]))


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """A log record by dotted field names: ECS fields come nested and dotted, often mixed in one line."""
    if not any(isinstance(value, dict) for value in record.values()):
        return record
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": leaf for inner, leaf in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        yield from (line.rstrip("\n") for line in lines if not line.isspace())


def _row(raw: str, process: str) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        record = None
    if not isinstance(record, dict):
        return {"message": raw, "process": process, "raw": raw}
    fields = flatten(record)
    status, duration_ns = fields.get("http.response.status_code"), fields.get("event.duration")
    row = {column: str(fields[name]) for column, name in _ECS.items() if fields.get(name) not in (None, "")}
    return row | {
        "ts": _utc(fields.get("@timestamp")),
        "status": status if isinstance(status, int) else None,
        "duration_ms": duration_ns / 1e6 if isinstance(duration_ns, int | float) else None,
        "process": process,
        "raw": raw,
    }


def _span_rows(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for span in read_spans(*paths):
        yield {
            "ts": datetime.fromtimestamp(span.start_unix_ns / 1e9, UTC).replace(tzinfo=None),
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_id": span.parent_span_id,
            "service": span.service,
            "name": span.name,
            "kind": span.kind,
            "duration_ms": span.duration_ns / 1e6,
            "status": span.status,
            "attributes": msgspec.json.encode(span.attributes).decode(),
        }


def _utc(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return None


def _table(schema: pa.Schema, rows: Iterator[dict[str, Any]]) -> pa.Table:
    """Rows become columns in chunks, so that never all of them are Python objects."""
    batches, chunk = [], list[dict[str, Any]]()
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            batches.append(pa.RecordBatch.from_pylist(chunk, schema=schema))
            chunk = []
    batches.append(pa.RecordBatch.from_pylist(chunk, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)
