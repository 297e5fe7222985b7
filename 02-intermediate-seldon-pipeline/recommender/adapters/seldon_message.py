"""Seldon's messages, as JSON and as protobuf: kept in the form they came in, converted when the other one is needed."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from google.protobuf import json_format

from recommender.service.failure import StepError
from servekit.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message as ProtoMessage

__all__ = [
    "Message",
    "checked_puid",
    "completed",
    "read_answer",
    "read_feedback",
    "read_prediction",
    "route_of",
    "routing_of",
    "status_json",
]

_P = TypeVar("_P", bound="ProtoMessage")
_PAYLOADS = ("data", "binData", "strData", "jsonData", "customData")
_PUID = re.compile(r"[ -~]{1,256}")
_NULL = msgspec.Raw(b"null")
_encode = msgspec.json.Encoder().encode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Message:
    """One message.

    Args:
        json: the form that it came in; or
        proto: that one.
        step: who gave it; empty: the client.
    """

    __slots__ = ("_json", "_proto", "step")

    def __init__(self, json: bytes | None = None, proto: ProtoMessage | None = None, step: str = "") -> None:
        self._json = json
        self._proto = proto
        self.step = step

    @property
    def json(self) -> bytes:
        """As JSON text; bytes in it are base64.

        Raises:
            StepError: there is a number in it that JSON lacks.
        """
        if self._json is None:
            assert self._proto is not None  # noqa: S101 - one of the two is always given
            try:
                self._json = json_format.MessageToJson(self._proto, indent=None).encode()
            except json_format.SerializeToJsonError as error:
                raise StepError.bad_answer(self.step, f"expected what JSON can hold: {error}") from None
        return self._json

    def proto(self, form: type[_P]) -> _P:
        """As protobuf.

        Raises:
            MalformedError: the client's JSON is not such a message.
            StepError: a step's is not.
        """
        if not isinstance(self._proto, form):
            try:
                self._proto = json_format.Parse(self.json, form(), ignore_unknown_fields=True)
            except json_format.ParseError as error:
                expectation = f"expected a {form.DESCRIPTOR.name}: {error}"
                if self.step:
                    raise StepError.bad_answer(self.step, f"message: {expectation}") from None
                raise MalformedError("message", None, expectation) from None
        return self._proto


class _Tensor(msgspec.Struct):
    shape: list[int]
    values: list[float]


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    names: list[str] | None = None
    tensor: _Tensor | None = None
    ndarray: list[Any] | None = None
    tftensor: dict[str, Any] | None = None


class _Meta(msgspec.Struct, forbid_unknown_fields=True):
    puid: str | None = None
    tags: dict[str, Any] | None = None
    routing: dict[str, int] | None = None
    requestPath: dict[str, str] | None = None  # noqa: N815 - the protocol's own name
    metrics: list[dict[str, Any]] | None = None


class _Prediction(msgspec.Struct, forbid_unknown_fields=True):
    status: dict[str, Any] | None = None
    meta: _Meta | None = None
    data: _Data | None = None
    binData: str | None = None  # noqa: N815
    strData: str | None = None  # noqa: N815
    jsonData: Any = None  # noqa: N815
    customData: dict[str, Any] | None = None  # noqa: N815


class _Feedback(msgspec.Struct, forbid_unknown_fields=True):
    request: _Prediction | None = None
    response: _Prediction | None = None
    reward: float | None = None
    truth: _Prediction | None = None


class _Answer(msgspec.Struct):
    """As much of a step's answer as is read here; the rest is passed on."""

    meta: dict[str, msgspec.Raw] | None = None


_check_answer = msgspec.json.Decoder(_Answer).decode
_check_prediction = msgspec.json.Decoder(_Prediction).decode
_check_feedback = msgspec.json.Decoder(_Feedback).decode


def read_prediction(body: bytes, puid: str) -> tuple[Message, str]:
    """A client's message and its puid: the one in ``meta``, else ``puid``, which is put there.

    A field that is null is absent, as it is for protobuf: not every step would take it so.

    Raises:
        MalformedError: it is not JSON, not a SeldonMessage with one payload, or its puid is none.
    """
    message = _checked(body, _check_prediction)
    parts = _present(body)
    given = [name for name in _PAYLOADS if name in parts]
    if len(given) != 1:
        expectation = f"expected one of {', '.join(_PAYLOADS)}"
        raise MalformedError("message", f"with {' and '.join(given) or 'no payload'}", expectation)
    _check_data(message)
    if message.data is not None:
        parts["data"] = msgspec.Raw(_encode(_present(parts["data"])))
    meta = _present(parts["meta"]) if message.meta else {}
    puid = checked_puid("meta.puid", message.meta.puid) if message.meta and message.meta.puid else puid
    meta["puid"] = msgspec.Raw(_encode(puid))
    parts["meta"] = msgspec.Raw(_encode(meta))
    return Message(_encode(parts)), puid


def checked_puid(thing: str, puid: str) -> str:
    """A request's id, which goes into headers and logs as it is.

    Args:
        thing: where it stood, for the message.
        puid: what stood there.

    Raises:
        MalformedError: it could end a header, or is too long for one.
    """
    if not _PUID.fullmatch(puid):
        raise MalformedError(thing, ascii(puid), "expected 1 to 256 printable ASCII characters")
    return puid


def read_answer(step: str, body: bytes) -> Message:
    """A step's answer.

    Raises:
        MalformedError: it is not JSON, or not an object with an object as ``meta``.
    """
    _checked(body, _check_answer)
    return Message(body, step=step)


def read_feedback(body: bytes) -> Message:
    """A client's feedback.

    Raises:
        MalformedError: it is not JSON, or not a Feedback.
    """
    feedback = _checked(body, _check_feedback)
    for part in (feedback.request, feedback.response, feedback.truth):
        if part is not None:
            _check_data(part)
    return Message(body)


def routing_of(feedback: Message) -> dict[str, int]:
    """The routes that the answer in a feedback says were taken."""
    response = _check_feedback(feedback.json).response
    return (response.meta.routing if response and response.meta else None) or {}


def completed(answer: Message, puid: str, routing: Mapping[str, int] | None) -> bytes:
    """The answer's JSON with the puid, and with the routing unless None, in its meta."""
    parts = _decode_parts(answer.json)
    meta = _present(parts["meta"]) if parts.get("meta", _NULL) != _NULL else {}
    meta["puid"] = msgspec.Raw(_encode(puid))
    if routing is not None:
        meta["routing"] = msgspec.Raw(_encode(routing))
    parts["meta"] = msgspec.Raw(_encode(meta))
    return _encode(parts)


def route_of(answer: Message) -> int:
    """The child that a router's answer names: the first number of its data, or of a bare JSON list.

    Raises:
        MalformedError: it names none.
    """
    try:
        decoded = msgspec.json.decode(answer.json)
        if isinstance(decoded, dict):
            data = decoded["data"]
            decoded = data["ndarray"] if "ndarray" in data else data["tensor"]["values"]
        while isinstance(decoded, list):
            decoded = decoded[0]
        return int(decoded)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError):
        raise MalformedError("route", None, "expected the number of a child as the only value") from None


def status_json(code: int, reason: str, info: str) -> bytes:
    """A failed message's JSON."""
    return _encode({"status": {"code": code, "info": info, "reason": reason, "status": "FAILURE"}})


def _present(body: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The object's fields that are not null."""
    return {name: part for name, part in _decode_parts(body).items() if part != _NULL}


def _checked(body: bytes, decode: Any) -> Any:
    try:
        return decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("message", None, f"{error or type(error).__name__}") from None


def _check_data(message: _Prediction) -> None:
    if message.binData is not None:
        try:
            b64decode(message.binData, validate=True)
        except (binascii.Error, ValueError):
            raise MalformedError("binData", None, "expected base64") from None
    if message.data is None:
        return
    data = message.data
    if sum(part is not None for part in (data.tensor, data.ndarray, data.tftensor)) != 1:
        raise MalformedError("data", None, "expected one of tensor, ndarray, tftensor")
    if data.tensor is not None:
        size = 1
        for extent in data.tensor.shape:
            size *= extent
        if size != len(data.tensor.values):
            shape, count = data.tensor.shape, len(data.tensor.values)
            raise MalformedError("data.tensor", f"{count} values", f"expected {size} for shape {shape}")
