"""Reads the spans that a level's servers wrote to ``traces*.jsonl``, and finds one trace among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.observe.errors import ObserveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Chooser", "Span", "by_id", "last", "read_spans", "read_trace", "slowest", "trace_files"]

_PREFIX = re.compile(r"[0-9a-f]{4,32}")


class Span(msgspec.Struct, frozen=True):
    """One line of ``traces.jsonl``: ids in hex, times in Unix nanoseconds."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    service: str
    name: str
    kind: str
    start_unix_ns: int
    end_unix_ns: int
    status: str
    attributes: dict[str, Any]

    @property
    def duration_ns(self) -> int:
        """From start to end."""
        return self.end_unix_ns - self.start_unix_ns


if TYPE_CHECKING:
    Chooser = Callable[[Iterable[Span]], str | None]
    """Takes all spans, returns the id of the chosen trace or None."""

_decode = msgspec.json.Decoder(Span).decode


def trace_files(run_dir: Path) -> list[Path]:
    """A level's ``traces*.jsonl``, of one or of each of its processes; where there is none, the one to come."""
    return sorted(run_dir.glob("traces*.jsonl")) or [run_dir / "traces.jsonl"]


def read_spans(*paths: Path) -> Iterator[Span]:
    """The spans of files, one at a time; a line that is not a span (one being written, say) is passed over.

    Raises:
        ObserveError: there is no such file.
    """
    for path in paths:
        if not path.is_file():
            raise ObserveError(f"{path}: no such file; {_remedy(path)}")
        with path.open("rb") as file:
            for line in file:
                try:
                    yield _decode(line)
                except msgspec.MsgspecError:
                    continue


def slowest(spans: Iterable[Span]) -> str | None:
    """Chooses the trace with the longest span."""
    longest = max(spans, key=lambda span: span.duration_ns, default=None)
    return longest.trace_id if longest else None


def last(spans: Iterable[Span]) -> str | None:
    """Chooses the trace that ended last."""
    newest = max(spans, key=lambda span: span.end_unix_ns, default=None)
    return newest.trace_id if newest else None


def by_id(prefix: str) -> Chooser:
    """Chooses the trace whose id begins so, as a log line's ``trace.id`` or an ``x-trace-id`` header says it.

    Raises:
        ObserveError: the prefix is no part of a trace id; when choosing: several ids begin so, or none.
    """
    prefix = prefix.lower()
    if not _PREFIX.fullmatch(prefix):
        raise ObserveError(f"trace id {prefix!r}: expected 4 to 32 hexadecimal digits, as in the header x-trace-id")

    def choose(spans: Iterable[Span]) -> str | None:
        known = {span.trace_id for span in spans}
        found = [trace_id for trace_id in known if trace_id.startswith(prefix)]
        if len(found) > 1:
            raise ObserveError(f"trace id {prefix}: {len(found)} traces begin so; give more digits")
        if known and not found:
            raise ObserveError(
                f"trace id {prefix}: not among the {len(known)} traces kept; kept are requests that a caller sampled, "
                "slow and failed ones, and of the others the share TELEMETRY_TRACE_RATIO"
            )
        return found[0] if found else None

    return choose


def read_trace(paths: Sequence[Path], choose: Chooser) -> list[Span]:
    """The spans of one trace, earliest first. The files are read twice: they may be larger than memory.

    Raises:
        ObserveError: there is no file, no trace in it, or not the one asked for.
    """
    trace_id = choose(read_spans(*paths))
    if trace_id is None:
        raise ObserveError(f"{', '.join(map(str, paths))}: no trace in it; {_remedy(paths[0])}")
    spans = (span for span in read_spans(*paths) if span.trace_id == trace_id)
    return sorted(spans, key=lambda span: (span.start_unix_ns, -span.end_unix_ns))


def _remedy(path: Path) -> str:
    level = path.parent.name
    return (
        f"run `make up-{level}`, then send requests with `make sla-{level}`: one in a hundred leaves a trace, "
        "and so does each sent with the header `traceparent: 00-<32 hex digits>-<16 hex digits>-01`"
    )
