"""Seldon's messages as JSON and protobuf: kept in the form that they came in, converted when the other is needed."""

from __future__ import annotations

import json
import re
from math import isfinite, prod
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from graph_router.domain.failure import StepError
from servekit.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.message import Message as ProtoMessage

    from graph_router.adapters import prediction_pb2 as pb

__all__ = [
    "Message",
    "check_payload",
    "checked_puid",
    "completed",
    "read_answer",
    "read_feedback",
    "read_json",
    "read_prediction",
    "route_of",
    "routing_of",
    "status_json",
]

_P = TypeVar("_P", bound="ProtoMessage")
_PAYLOADS = ("data", "binData", "strData", "jsonData", "customData")
_DATA = "expected one of tensor, ndarray, tftensor"
_PUID = re.compile(r"[ -~]{1,256}")
_LONG = re.compile(rb"[0-9]{309}")
_NULL = msgspec.Raw(b"null")
_encode = msgspec.json.Encoder().encode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Message:
    """A message of Seldon's protocol, in the one form that it came in.

    Args:
        json: the message as JSON, or
        proto: as protobuf.
        step: the step that gave it; empty for the client.
    """

    __slots__ = ("_json", "_proto", "step")

    def __init__(self, json: bytes | None = None, proto: ProtoMessage | None = None, step: str = "") -> None:
        self._json = json
        self._proto = proto
        self.step = step

    @property
    def json(self) -> bytes:
        """The message as JSON text; bytes in it are base64.

        Raises:
            StepError: JSON cannot hold the message: it has NaN, infinity, or an unknown type.
        """
        if self._json is None:
            assert self._proto is not None  # noqa: S101 - one of the two is always given
            try:
                self._json = json_format.MessageToJson(self._proto, indent=None).encode()
            except (json_format.Error, DecodeError, TypeError) as error:
                raise StepError.bad_answer(self.step, f"expected values that JSON can hold: {error}") from None
        return self._json

    def proto(self, form: type[_P]) -> _P:
        """The message as protobuf of that type.

        Raises:
            MalformedError: the client's JSON is not such a message.
            StepError: a step's JSON is not such a message.
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
    shape: list[int] = []  # protobuf leaves out what is empty
    values: list[float] = []


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
    binData: bytes | None = None  # noqa: N815
    strData: str | None = None  # noqa: N815
    jsonData: Any = None  # noqa: N815
    customData: dict[str, Any] | None = None  # noqa: N815


class _Feedback(msgspec.Struct, forbid_unknown_fields=True):
    request: _Prediction | None = None
    response: _Prediction | None = None
    reward: float | None = None
    truth: _Prediction | None = None


class _AnsweredData(_Data, forbid_unknown_fields=False):
    pass


class _Answer(msgspec.Struct):
    """The part of a step's answer that is checked here; the rest is passed on."""

    meta: dict[str, Any] | None = None
    data: _AnsweredData | None = None
    binData: bytes | None = None  # noqa: N815
    strData: str | None = None  # noqa: N815
    jsonData: Any = None  # noqa: N815
    customData: dict[str, Any] | None = None  # noqa: N815


_check_answer = msgspec.json.Decoder(_Answer).decode
_check_prediction = msgspec.json.Decoder(_Prediction).decode
_check_feedback = msgspec.json.Decoder(_Feedback).decode


def read_prediction(body: bytes, puid: str) -> tuple[Message, str]:
    """A client's message and its puid: the one in its ``meta``, else ``puid``, which is added there.

    A field that is null is removed, as protobuf does: not every step takes a null for an absent field.

    Raises:
        MalformedError: the body is not JSON, not a SeldonMessage with one payload, or its puid is not valid.
    """
    message = _checked(body, _check_prediction)
    parts = _present(body)
    _check_one([name for name in _PAYLOADS if name in parts])
    _check_data(message)
    if message.data is not None:
        parts["data"] = msgspec.Raw(_encode(_present(parts["data"])))
    meta = _present(parts["meta"]) if message.meta else {}
    puid = checked_puid("meta.puid", message.meta.puid) if message.meta and message.meta.puid else puid
    meta["puid"] = msgspec.Raw(_encode(puid))
    parts["meta"] = msgspec.Raw(_encode(meta))
    return Message(_encode(parts)), puid


def checked_puid(thing: str, puid: str) -> str:
    """The puid unchanged, once it is known to be safe in headers and logs.

    Args:
        thing: where the puid stood, for the error's text.
        puid: the id of a request.

    Raises:
        MalformedError: the puid is empty, too long, or has characters other than printable ASCII.
    """
    if not _PUID.fullmatch(puid):
        raise MalformedError(thing, ascii(puid), "expected 1 to 256 printable ASCII characters")
    return puid


def read_answer(step: str, body: bytes, *, payload: bool = True) -> Message:
    """A step's answer over REST; ``payload`` says whether it must have one.

    Raises:
        MalformedError: the answer is not JSON, not a SeldonMessage, or has not one payload. The next step would refuse
            it, as if the client had sent it.
    """
    answer = _checked(body, _check_answer)
    if payload:
        _check_one([name for name in _PAYLOADS if getattr(answer, name) is not None])
        _check_data(answer)
    return Message(body, step=step)


def check_payload(answer: pb.SeldonMessage) -> None:
    """Checks the payload of a step's answer over gRPC, as `read_answer` does over REST.

    Raises:
        MalformedError: the answer has no payload, or a tensor whose values are not finite or do not fit its shape.
    """
    kind = answer.WhichOneof("data_oneof")
    _check_one([kind] if kind else [])
    if kind != "data":
        return
    if answer.data.WhichOneof("data_oneof") is None:
        raise MalformedError("data", None, _DATA)
    if answer.data.HasField("tensor"):
        tensor = answer.data.tensor
        _check_shape(tensor.shape, tensor.values)
        if not _finite(tensor.values):
            raise MalformedError("data.tensor", None, "holds NaN or infinity, expected numbers")


def read_json(body: bytes) -> Any:
    """The decoded JSON of a body.

    Raises:
        MalformedError: the body is not JSON.
    """
    return _checked(body, msgspec.json.decode)


def read_feedback(body: bytes) -> Message:
    """A client's feedback.

    Raises:
        MalformedError: the body is not JSON, or not a Feedback.
    """
    feedback = _checked(body, _check_feedback)
    for part in (feedback.request, feedback.response, feedback.truth):
        if part is not None:
            _check_data(part)
    return Message(body)


def routing_of(feedback: Message) -> dict[str, int]:
    """The routes that a request took, from the answer in its feedback."""
    response = _check_feedback(feedback.json).response
    return (response.meta.routing if response and response.meta else None) or {}


def completed(answer: Message, puid: str, routing: Mapping[str, int] | None) -> bytes:
    """The answer's JSON, with the puid in its meta and, unless None, the routing."""
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
        MalformedError: the answer names no child.
    """
    try:
        decoded = msgspec.json.decode(answer.json)
        if isinstance(decoded, dict):
            data = decoded["data"]
            decoded = data["ndarray"] if "ndarray" in data else data["tensor"]["values"]
        while isinstance(decoded, list):
            decoded = decoded[0]
        return int(decoded)
    except (msgspec.MsgspecError, LookupError, RecursionError, TypeError, ValueError):
        raise MalformedError("route", None, "expected the number of a child as the only value") from None


def status_json(code: int, reason: str, info: str) -> bytes:
    """The JSON of a failed SeldonMessage."""
    return _encode({"status": {"code": code, "info": info, "reason": reason, "status": "FAILURE"}})


def _present(body: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object that are not null."""
    return {name: part for name, part in _decode_parts(body).items() if part != _NULL}


def _checked(body: bytes, decode: Any) -> Any:
    try:
        if not body.isascii():
            body.decode()  # a decoder does not look at the text of what it skips
        decoded = decode(body)
        if _LONG.search(body):
            json.loads(body, parse_int=_double)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("message", None, f"{error or type(error).__name__}") from None
    return decoded


def _double(digits: str) -> float:
    """A number of a message is a double, as protobuf has it; Seldon's wrapper answers 500 to a larger one."""
    if not isfinite(float(digits)):
        raise MalformedError("message", f"{digits[:20]}… of {len(digits)} digits", "expected numbers that fit a double")
    return 0.0


def _check_one(payloads: list[str]) -> None:
    if len(payloads) != 1:
        found = f"with {' and '.join(payloads) or 'no payload'}"
        raise MalformedError("message", found, f"expected one of {', '.join(_PAYLOADS)}")


def _check_data(message: _Prediction | _Answer) -> None:
    if message.data is None:
        return
    data = message.data
    if sum(part is not None for part in (data.tensor, data.ndarray, data.tftensor)) != 1:
        raise MalformedError("data", None, _DATA)
    if data.tensor is not None:
        _check_shape(data.tensor.shape, data.tensor.values)


def _check_shape(shape: Sequence[int], values: Sequence[float]) -> None:
    size = prod(shape)
    if size != len(values) or min(shape, default=0) < 0:
        raise MalformedError("data.tensor", f"{len(values)} values", f"expected {size} for shape {list(shape)}")


def _finite(values: Sequence[float]) -> bool:
    # a sum is not finite where a value is not; it may also overflow, so then the values themselves decide
    return isfinite(sum(values)) or all(map(isfinite, values))
