"""One line of the log: its members, its seal and the digests in it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

__all__ = ["GENESIS", "Head", "Joined", "Line", "Opened", "Prediction", "Sealer", "Witness", "digest"]

GENESIS = "0" * 64

_SEPARATOR = b',"hash":"'
_END = b'"}\n'
_MAX_KEY_BYTES = 64


class Prediction(msgspec.Struct, frozen=True, tag_field="kind", tag="prediction"):
    """A line for an answer: request, model version, digests of input and output, decision and latency."""

    seq: int
    time: datetime
    request_id: str
    model: str
    version: str
    input_digest: str
    output_digest: str
    decision: str
    latency_s: float
    prev: str


class Opened(msgspec.Struct, frozen=True, tag_field="kind", tag="opened"):
    """A line for a file that was begun by a start or a rotation, or continued after a restart.

    ``torn_bytes`` were moved aside because a crash had cut their line off; ``head`` says whether the head file was
    there to check the end of the log against (``new`` for a new log); ``writers`` is the hash in which the list of
    writers ended, empty in a line older than the list.
    """

    seq: int
    time: datetime
    format: Literal["servekit.audit/1", "servekit.audit/2"]
    writer: str
    file: int
    seal: Literal["sha256", "hmac-sha256"]
    pid: int
    reason: Literal["start", "rotation"]
    torn_bytes: int
    head: Literal["new", "kept", "missing", "broken"]
    prev: str
    writers: str = ""


class Witness(msgspec.Struct, frozen=True, tag_field="kind", tag="witness"):
    """A line for a new member of the list of writers, which now ends in the hash ``writers``."""

    seq: int
    time: datetime
    writers: str
    prev: str


class Joined(msgspec.Struct, frozen=True, tag_field="kind", tag="joined"):
    """A line of the list of writers: ``writer`` keeps a log in this directory from now on."""

    seq: int
    time: datetime
    writer: str
    seal: Literal["sha256", "hmac-sha256"]
    prev: str


class Head(msgspec.Struct, frozen=True, tag_field="kind", tag="head"):
    """The contents of the head file: ``seq`` and hash (``prev``) of the last line known to be written."""

    seq: int
    time: datetime
    writer: str
    prev: str


Line: TypeAlias = Prediction | Opened | Witness | Joined | Head

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


class Sealer:
    """Seals lines with SHA-256, or with HMAC-SHA256 when there is a key."""

    def __init__(self, key: str = "") -> None:
        self.key = key.encode()
        # the two key blocks of an HMAC are hashed once and copied for each line
        self._keyed = hmac.new(self.key, digestmod="sha256")
        self.name: Literal["sha256", "hmac-sha256"] = "hmac-sha256" if key else "sha256"

    def seal(self, record: Line) -> tuple[bytes, str]:
        """The record's line, newline included, and its hash."""
        body = _encode(record)
        mark = self._hash(body)
        return b"".join((body[:-1], _SEPARATOR, mark.encode(), _END)), mark

    def open(self, line: bytes) -> tuple[Line, str] | None:
        """The record in a sealed line and its hash; ``None`` when a byte of the line is not what was sealed."""
        head, _, tail = line.rpartition(_SEPARATOR)
        body = head + b"}"
        mark = self._hash(body)
        if not hmac.compare_digest(tail, mark.encode() + _END):
            return None
        try:
            return _decode(body), mark
        except msgspec.DecodeError:
            return None

    def _hash(self, body: bytes) -> str:
        if self.key:
            state = self._keyed.copy()
            state.update(body)
            return state.hexdigest()
        return hashlib.sha256(body).hexdigest()


def digest(data: bytes | np.ndarray[Any, Any], key: bytes = b"") -> str:
    """The 128-bit BLAKE2b digest of ``data`` as 32 hex digits; keyed with the first 64 bytes of ``key``.

    Of an array, its type and shape count too: four float32 values and the same bytes as a 2 by 2 table differ.
    """
    if isinstance(data, np.ndarray):
        data = f"{data.dtype.str}{data.shape}".encode() + data.tobytes()
    return hashlib.blake2b(data, digest_size=16, key=key[:_MAX_KEY_BYTES]).hexdigest()
