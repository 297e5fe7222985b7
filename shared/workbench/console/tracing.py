"""A level's traces for a page: which there are, and one of them with its spans and its log lines."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from workbench.observe.errors import ObserveError
from workbench.observe.query import load
from workbench.observe.spans import by_id, read_spans, read_trace, trace_files
from workbench.observe.waterfall import nest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.observe.spans import Span

__all__ = ["ORDERS", "Bar", "QueryAnswer", "TraceSummary", "bars", "lines_of", "query", "traces"]

_MOST_TRACES, _MOST_ROWS, _ENDS_AFTER_S = 50, 200, 10.0
_NS = 1e9


@dataclass(frozen=True)
class TraceSummary:
    """A trace in a list: id, first span, begin (seconds since 1970), duration, and whether it failed."""

    trace_id: str
    name: str
    start: float
    duration_s: float
    failed: bool


@dataclass(frozen=True)
class Bar:
    """A span in a waterfall: depth below the root, and where its bar lies, in shares of the whole."""

    span: Span
    depth: int
    left: float
    width: float


@dataclass(frozen=True)
class QueryAnswer:
    """The answer of a query; ``problem`` is why there is none."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    problem: str = ""


ORDERS: dict[str, Callable[[TraceSummary], tuple[float, ...]]] = {
    "newest": lambda trace: (-trace.start,),
    "slowest": lambda trace: (-trace.duration_s,),
    "failed": lambda trace: (not trace.failed, -trace.start),
}
"""What comes first in a list of traces."""


def traces(run_dir: Path, order: str, at: float | None = None, around_s: float = 10.0) -> list[TraceSummary]:
    """The first 50 traces in that order; those that began near ``at`` if it is given."""
    spans: dict[str, list[Span]] = {}
    for span in read_spans(*(path for path in trace_files(run_dir) if path.is_file())):
        spans.setdefault(span.trace_id, []).append(span)
    found = [_summary(each) for each in spans.values()]
    found = [each for each in found if at is None or abs(each.start - at) <= around_s]
    found = [each for each in found if order != "failed" or each.failed]
    return sorted(found, key=ORDERS[order])[:_MOST_TRACES]


def bars(run_dir: Path, trace_id: str) -> list[Bar]:
    """The spans of a trace, children below their parents.

    Raises:
        ObserveError: there is no such trace.
    """
    spans = read_trace(trace_files(run_dir), by_id(trace_id))
    begun = min(span.start_unix_ns for span in spans)
    total = max(max(span.end_unix_ns for span in spans) - begun, 1)
    return [
        Bar(span, depth, (span.start_unix_ns - begun) / total, span.duration_ns / total) for span, depth in nest(spans)
    ]


def lines_of(run_dir: Path, trace_id: str) -> QueryAnswer:
    """The log lines of a trace."""
    return query(run_dir, "select ts, process, level, message from logs where trace_id = ? order by ts", trace_id)


def query(run_dir: Path, sql: str, *values: str) -> QueryAnswer:
    """The first 200 rows of a query of a level's logs and spans; one that takes over ten seconds is interrupted."""
    if not sql.strip():
        return QueryAnswer([], [], "no query")
    try:
        with closing(load(run_dir)) as connection:
            watch = threading.Timer(_ENDS_AFTER_S, connection.interrupt)
            watch.start()
            try:
                cursor = connection.execute(sql, list(values) or None)
                return QueryAnswer([column[0] for column in cursor.description or []], cursor.fetchmany(_MOST_ROWS))
            finally:
                watch.cancel()
    except (ObserveError, duckdb.Error) as error:
        return QueryAnswer([], [], str(error))


def _summary(spans: list[Span]) -> TraceSummary:
    known = {span.span_id for span in spans}
    root = min(spans, key=lambda span: (span.parent_span_id in known, span.start_unix_ns))
    begun, ended = min(span.start_unix_ns for span in spans), max(span.end_unix_ns for span in spans)
    failed = any(span.status == "error" for span in spans)
    return TraceSummary(root.trace_id, f"{root.service} {root.name}", begun / _NS, (ended - begun) / _NS, failed)
