"""One request on its way through the gateway: what came, until when, and what goes back."""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from servekit.errors import MalformedError
from shop.gateway.domain.errors import UnavailableError

if TYPE_CHECKING:
    from servekit.telemetry import RequestRecord

__all__ = ["TIMEOUT", "VERSION", "Incoming", "Outgoing", "deadline_of", "time_left", "version_of"]

VERSION = b"x-model-version"
TIMEOUT = b"x-request-timeout-ms"
_VERSION = re.compile(rb"[1-9][0-9]{0,8}")
_MILLISECONDS = re.compile(rb"[0-9]{1,9}(\.[0-9]{1,9})?")


class Incoming(NamedTuple):
    """A request.

    Attributes:
        body: its bytes.
        record: its place in a trace; takes the steps' times.
        deadline: on the monotonic clock.
        version: of the model that is to answer.
    """

    body: bytes
    record: RequestRecord
    deadline: float
    version: str


class Outgoing(NamedTuple):
    """An answer: JSON, the version that gave it, and why it is degraded, if it is."""

    body: bytes
    version: str
    degraded: str = ""


def time_left(deadline: float, reserve_s: float = 0.0) -> float:
    """Seconds until a deadline, less a reserve.

    Raises:
        UnavailableError: there are none.
    """
    seconds = deadline - monotonic() - reserve_s
    if seconds <= 0:
        raise UnavailableError("deadline", "no time left")
    return seconds


def version_of(headers: dict[bytes, bytes], default: str) -> str:
    """The version that the edge chose.

    Raises:
        MalformedError: the header is no version.
    """
    sent = headers.get(VERSION)
    if sent is None:
        return default
    if not _VERSION.fullmatch(sent):
        raise MalformedError("header x-model-version", sent.decode("latin-1"), "expected a version, 1 or above")
    return sent.decode()


def deadline_of(headers: dict[bytes, bytes], most_s: float) -> float:
    """Until when the answer must be there, on the monotonic clock.

    Raises:
        MalformedError: the header is no time.
    """
    sent = headers.get(TIMEOUT)
    if sent is None:
        return monotonic() + most_s
    if not _MILLISECONDS.fullmatch(sent):
        shown = sent.decode("latin-1")
        raise MalformedError("header x-request-timeout-ms", shown, "expected milliseconds, 0 or above")
    return monotonic() + min(float(sent) / 1e3, most_s)
