"""The REST wire of the Open Inference Protocol: JSON, with the binary tensor extension.

A body is JSON alone, or JSON followed by the raw bytes of its binary tensors; then the header
``Inference-Header-Content-Length`` says where the JSON ends.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

import msgspec
import numpy as np

from servekit.errors import InvalidValueError, MalformedError
from servekit.oip.tensors import Inference, InferenceResult, Tensor, from_bytes, from_values, to_bytes

__all__ = [
    "HEADER_LENGTH",
    "ModelMetadata",
    "ServerMetadata",
    "TensorMetadata",
    "WireOutput",
    "WireRequest",
    "WireResponse",
    "WireTensor",
    "check_answer",
    "decode_request",
    "decode_response",
    "encode_request",
    "encode_response",
]

HEADER_LENGTH = "inference-header-content-length"
"""The header that gives the size in bytes of the JSON part of a body with binary tensors."""

_MAX_DIGITS = 19  # of a 64-bit size; int() itself refuses thousands

Parameters = dict[str, bool | int | float | str | None]
"""What a caller may say besides. ``null`` is as good as absent, here and in optional fields: pydantic sends it."""


class TensorMetadata(msgspec.Struct, frozen=True):
    """An input or output as a model declares it; -1 in the shape is any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """The answer of ``GET /v2/models/{model}``."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(msgspec.Struct, frozen=True):
    """The answer of ``GET /v2``."""

    name: str
    version: str
    extensions: list[str]


class WireTensor(msgspec.Struct, omit_defaults=True):
    """A tensor in JSON: ``data`` flat or nested, or absent when ``binary_data_size`` bytes follow the JSON."""

    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters | None = {}
    data: Any = None


class WireOutput(msgspec.Struct, omit_defaults=True):
    """A requested output; the parameter ``binary_data`` requests it as raw bytes."""

    name: str
    parameters: Parameters | None = {}


class WireRequest(msgspec.Struct, omit_defaults=True):
    """The JSON of an infer call."""

    inputs: list[WireTensor]
    id: str | None = ""
    parameters: Parameters | None = {}
    outputs: list[WireOutput] | None = []


class WireResponse(msgspec.Struct, omit_defaults=True):
    """The JSON of the answer to an infer call."""

    model_name: str
    outputs: list[WireTensor]
    model_version: str | None = ""
    id: str | None = ""
    parameters: Parameters | None = {}


_decode_request = msgspec.json.Decoder(WireRequest).decode
_decode_response = msgspec.json.Decoder(WireResponse).decode
_encode = msgspec.json.Encoder().encode


def decode_request(body: bytes, header_length: str | None = None) -> Inference:
    """The request in the body of an infer call.

    Args:
        body: the whole body.
        header_length: the value of the ``Inference-Header-Content-Length`` header, if the caller sent one.

    Raises:
        MalformedError: the JSON or the header does not parse, or a field is missing or of the wrong type.
        InvalidValueError: a tensor's values do not fit its shape or datatype.
    """
    text, binary = _split(body, header_length)
    try:
        wire = _decode_request(text)
    except msgspec.ValidationError as error:
        raise MalformedError("body", None, f"not an inference request: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError("body", None, f"not JSON: {error}") from None
    except RecursionError:
        raise MalformedError("body", None, "not an inference request: nested too deeply") from None
    inputs = _tensors(wire.inputs, binary)
    outputs = wire.outputs or []
    return Inference(inputs, tuple(out.name for out in outputs), wire.id or "", _binary_outputs(wire, outputs))


def encode_response(result: InferenceResult, request: Inference) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON part when binary tensors follow it (else ``None``).

    Raises:
        InvalidValueError: an output holds what JSON cannot (NaN, infinity, bytes that are not UTF-8) and was not asked
            for as a binary tensor.
    """
    binary = request.binary
    return _join(
        lambda tensors: WireResponse(result.model, tensors, result.version, request.request_id),
        result.outputs,
        {tensor.name for tensor in result.outputs if binary is None or tensor.name in binary},
    )


def encode_request(request: Inference, *, binary_inputs: bool = False) -> tuple[bytes, int | None]:
    """The body of an infer call, for clients; with the JSON part's length when the inputs travel as binary tensors."""
    wanted = request.binary
    outputs = [
        WireOutput(name, {"binary_data": True} if wanted is None or name in wanted else {}) for name in request.outputs
    ]
    parameters: Parameters = {"binary_data_output": True} if wanted is None else {}
    return _join(
        lambda tensors: WireRequest(tensors, request.request_id, parameters, outputs),
        request.inputs,
        {tensor.name for tensor in request.inputs} if binary_inputs else set(),
    )


def decode_response(body: bytes, header_length: str | None = None) -> InferenceResult:
    """The result in an answer's body, for clients.

    Raises:
        MalformedError: the body is not an inference response.
        InvalidValueError: an output's values do not fit its shape or datatype.
    """
    text, binary = _split(body, header_length)
    try:
        wire = _decode_response(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("body", None, f"not an inference response: {error}") from None
    return InferenceResult(wire.model_name, wire.model_version or "", _tensors(wire.outputs, binary))


def check_answer(text: bytes) -> None:
    """Checks that an answer of another server is strict JSON.

    Raises:
        InvalidValueError: the answer has NaN or infinity, as some servers write them.
    """
    if b"NaN" not in text and b"Infinity" not in text:
        return
    try:
        _decode_response(text)  # it may be a name
    except msgspec.DecodeError:
        for tensor in json.loads(text)["outputs"]:
            if tensor["datatype"].startswith("FP") and not np.isfinite(np.asarray(tensor.get("data", ()), float)).all():
                raise _not_in_json(tensor["name"]) from None


def _not_in_json(name: str) -> InvalidValueError:
    return InvalidValueError(
        f"tensor {name}", None, "holds NaN or infinity, which JSON lacks: ask for it as a binary tensor"
    )


def _split(body: bytes, header_length: str | None) -> tuple[memoryview, memoryview]:
    view = memoryview(body)
    if header_length is None:
        return view, view[:0]
    is_number = header_length.isascii() and header_length.isdigit() and len(header_length) <= _MAX_DIGITS
    size = int(header_length) if is_number else -1
    if not 0 <= size <= len(body):
        raise MalformedError(
            f"header {HEADER_LENGTH}", header_length, f"expected a number of bytes from 0 to {len(body)}"
        )
    return view[:size], view[size:]


def _tensors(wires: list[WireTensor], binary: memoryview) -> tuple[Tensor, ...]:
    tensors = []
    at = 0
    for wire in wires:
        size = (wire.parameters or {}).get("binary_data_size")
        if size is None:
            tensors.append(from_values(wire.name, wire.datatype, wire.shape, wire.data))
            continue
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(binary) - at:
            raise MalformedError(
                f"input {wire.name} binary_data_size",
                size,
                f"expected 0 to {len(binary) - at} bytes after the JSON",
            )
        tensors.append(from_bytes(wire.name, wire.datatype, wire.shape, binary[at : at + size]))
        at += size
    if at != len(binary):
        raise MalformedError("body", f"{len(binary) - at} bytes", "belong to no binary tensor")
    return tuple(tensors)


def _binary_outputs(wire: WireRequest, outputs: list[WireOutput]) -> frozenset[str] | None:
    default = _flag("binary_data_output", wire.parameters, default=False)
    if not outputs:
        return None if default else frozenset()
    return frozenset(
        out.name for out in outputs if _flag(f"output {out.name} binary_data", out.parameters, default=default)
    )


def _flag(thing: str, parameters: Parameters | None, *, default: bool) -> bool:
    value = (parameters or {}).get(thing.rpartition(" ")[2])
    if value is None:
        return default
    if not isinstance(value, bool):
        raise MalformedError(thing, value, "expected true or false")
    return value


def _join(envelope: Any, tensors: tuple[Tensor, ...], binary: set[str]) -> tuple[bytes, int | None]:
    wires, tail = [], []
    for tensor in tensors:
        wire = WireTensor(tensor.name, tensor.datatype, list(tensor.data.shape))
        if tensor.name in binary:
            tail.append(to_bytes(tensor))
            wire.parameters = {"binary_data_size": len(tail[-1])}
        else:
            wire.data = _values(tensor)
        wires.append(wire)
    head = _encode(envelope(wires))
    return (head + b"".join(tail), len(head)) if tail else (head, None)


def _values(tensor: Tensor) -> list[Any]:
    flat: list[Any] = tensor.data.ravel().tolist()
    if tensor.datatype != "BYTES":
        # a sum is not finite when a value is not; it may also overflow, so the values themselves decide
        if tensor.data.dtype.kind == "f" and not isfinite(sum(flat)) and not np.isfinite(tensor.data).all():
            raise _not_in_json(tensor.name)
        return flat
    try:
        return [item.decode() for item in flat]
    except UnicodeDecodeError:
        raise InvalidValueError(
            f"tensor {tensor.name}", None, "holds bytes that are not UTF-8: ask for it as a binary tensor"
        ) from None
