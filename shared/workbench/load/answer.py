"""What became of a request."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

__all__ = ["Answer", "Failure", "describe_outcome"]

_SUCCESS: Final = 2
_LINE_END: Final = b"\r\n"


class Failure(IntEnum):
    """Why there is no HTTP status. Values below 100 never collide with one."""

    TIMEOUT = 1
    REFUSED = 2
    BROKEN = 3
    MALFORMED = 4


_MEANING: Final = {
    0: "ok",
    Failure.TIMEOUT: "timeout",
    Failure.REFUSED: "connection refused",
    Failure.BROKEN: "connection broken",
    Failure.MALFORMED: "not HTTP",
}


class Answer(NamedTuple):
    """How a request ended.

    Attributes:
        at_s: its intended start, in seconds from the engine's.
        lag_s: from then until the engine was told to send it: how late the generator was.
        latency_s: from its intended start to the last byte, or to the failure.
        status: the HTTP status, or a `Failure`.
        head: as it came; empty after a failure.
        body: still encoded if its content-encoding says so; empty after a failure.
    """

    at_s: float
    lag_s: float
    latency_s: float
    status: int
    head: bytes = b""
    body: bytes = b""

    @property
    def outcome(self) -> int:
        """0 for a 2xx, else the status."""
        return 0 if self.status // 100 == _SUCCESS else self.status

    def header(self, name: bytes) -> bytes:
        """The value of a header, empty where there is none; ``name`` in lower case."""
        for line in self.head.split(_LINE_END)[1:]:
            key, colon, value = line.partition(b":")
            if colon and key.lower() == name:
                return value.strip()
        return b""


def describe_outcome(outcome: int) -> str:
    """The outcome in words: ``ok``, the failure, or ``HTTP 503``."""
    return _MEANING.get(outcome, f"HTTP {outcome}")
