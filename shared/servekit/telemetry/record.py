"""The record of a request while it runs: its place in a trace, its model, its steps."""

from __future__ import annotations

import os
import random
import re
from time import perf_counter_ns, time_ns

__all__ = ["RequestRecord", "format_traceparent", "parse_traceparent"]

_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_ids = random.Random()  # noqa: S311 - trace ids must be unique, not secret
_fast = _ids.getrandbits
os.register_at_fork(after_in_child=_ids.seed)  # else every forked worker would count through the same ids


class RequestRecord:
    """One request, from its first byte read to its last byte sent.

    Attributes:
        trace_id, span_id, parent_id: W3C trace context; ``parent_id`` is 0 for a request that starts its trace.
        sampled: whether the trace is kept; the caller's decision where it sent one.
        started_unix_ns: wall clock at the start; durations come from the monotonic clock.
        model, version: set by the handler once they are validated, never from raw request text.
        marks: ``(step, end)`` pairs; a step starts where the one before it ended.
    """

    __slots__ = (
        "marks",
        "model",
        "parent_id",
        "sampled",
        "span_id",
        "started_ns",
        "started_unix_ns",
        "trace_id",
        "version",
    )

    def __init__(self, traceparent: bytes | None, trace_ratio: float) -> None:
        self.started_ns = perf_counter_ns()
        self.started_unix_ns = time_ns()
        self.model = ""
        self.version = ""
        self.marks: list[tuple[str, int]] = []
        parent = None if traceparent is None else parse_traceparent(traceparent)
        if parent is None:
            self.trace_id = _fast(128) or 1
            self.parent_id = 0
            self.sampled = _fast(32) < trace_ratio * 0x1_0000_0000
        else:
            self.trace_id, self.parent_id, self.sampled = parent
        self.span_id = _fast(64) or 1

    def mark(self, step: str) -> None:
        """Ends the running step under that name; the next one starts here."""
        self.marks.append((step, perf_counter_ns()))

    @property
    def traceparent(self) -> str:
        """The header that makes a downstream call part of this trace."""
        return format_traceparent(self.trace_id, self.span_id, sampled=self.sampled)


def parse_traceparent(header: bytes) -> tuple[int, int, bool] | None:
    """Trace id, parent span id and sampled flag of a W3C ``traceparent``; ``None`` when it is not one.

    Source: W3C Trace Context, section 3.2. All-zero ids and version ff are invalid there; a version after 00 may have
    further fields, which are ignored.
    """
    match = _TRACEPARENT.fullmatch(header)
    if match is None:
        return None
    version, trace_id, span_id, flags, further = match.groups()
    if further and version == b"00":
        return None
    ids = int(trace_id, 16), int(span_id, 16)
    return (*ids, bool(int(flags, 16) & 1)) if all(ids) else None


def format_traceparent(trace_id: int, span_id: int, *, sampled: bool) -> str:
    """A version-00 ``traceparent`` header."""
    return f"00-{trace_id:032x}-{span_id:016x}-{sampled:02x}"
