"""What is known of one request while it runs: its place in a trace, its model, its steps."""

from __future__ import annotations

import random
import re
from time import perf_counter_ns, time_ns

__all__ = ["RequestRecord", "format_traceparent", "parse_traceparent"]

_TRACEPARENT = re.compile(rb"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$")
_bits = random.SystemRandom().getrandbits
_fast = random.Random(_bits(128)).getrandbits  # noqa: S311 - trace ids must be unique, not secret


class RequestRecord:
    """One request, from its first byte read to its last byte sent.

    Attributes:
        trace_id, span_id, parent_id: W3C trace context; ``parent_id`` is 0 for a request that starts its trace.
        sampled: whether the trace is kept; the caller's decision where it sent one.
        started_unix_ns: wall clock at the start; durations come from the monotonic clock.
        model, version: set by the handler once they are validated, never from raw request text.
        laps: ``(step, end)`` pairs; a step starts where the one before it ended.
    """

    __slots__ = (
        "laps",
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
        self.laps: list[tuple[str, int]] = []
        parent = None if traceparent is None else parse_traceparent(traceparent)
        if parent is None:
            self.trace_id = _fast(128) or 1
            self.parent_id = 0
            self.sampled = _fast(32) < trace_ratio * 0x1_0000_0000
        else:
            self.trace_id, self.parent_id, self.sampled = parent
        self.span_id = _fast(64) or 1

    def lap(self, step: str) -> None:
        """Ends the running step under that name; the next one starts here."""
        self.laps.append((step, perf_counter_ns()))

    @property
    def traceparent(self) -> str:
        """The header that makes a downstream call part of this trace."""
        return format_traceparent(self.trace_id, self.span_id, sampled=self.sampled)


def parse_traceparent(header: bytes) -> tuple[int, int, bool] | None:
    """Trace id, parent span id and sampled flag of a W3C ``traceparent``; ``None`` when it is not one.

    Source: W3C Trace Context, section 3.2. All-zero ids are invalid there.
    """
    match = _TRACEPARENT.match(header)
    if match is None or header.startswith(b"ff"):
        return None
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    return (trace_id, span_id, bool(flags & 1)) if trace_id and span_id else None


def format_traceparent(trace_id: int, span_id: int, *, sampled: bool) -> str:
    """A version-00 ``traceparent`` header."""
    return f"00-{trace_id:032x}-{span_id:016x}-{sampled:02x}"
