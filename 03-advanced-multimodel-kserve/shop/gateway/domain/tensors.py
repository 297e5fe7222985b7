"""An inference request of a caller, as the model server gets it: read here, checked here, written anew.

What reaches Triton is never the caller's own text. Triton 2.51 answers 500 to an ``id`` that is null, to parameters of
another type than it expects, to bytes after the JSON; and two parsers may read one text in two ways.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from servekit.errors import MalformedError
from servekit.oip.rest import HEADER_LENGTH, decode_request
from servekit.oip.tensors import Inference, to_bytes

__all__ = ["RewrittenRequest", "rewrite"]

_MOST = 2**64
_encode = msgspec.json.Encoder().encode
_Parameters = dict[str, Any]


class RewrittenRequest(NamedTuple):
    """The caller's inference request, and its body and headers for the model server."""

    inference: Inference
    body: bytes
    headers: list[tuple[bytes, bytes]]


class _Named(msgspec.Struct):
    """An input or output; its other fields have been looked at by `decode_request`."""

    name: str
    parameters: _Parameters | None = None


class _RequestParameters(msgspec.Struct):
    inputs: list[_Named]
    outputs: list[_Named] | None = None
    parameters: _Parameters | None = None


_decode = msgspec.json.Decoder(_RequestParameters).decode


def rewrite(body: bytes, header_length: str | None) -> RewrittenRequest:
    """Reads the body of an infer call and writes it for Triton: its inputs as binary tensors, whatever they came as.

    Args:
        body: the whole body.
        header_length: the value of the ``Inference-Header-Content-Length`` header, if the caller sent one.

    Raises:
        MalformedError: it is not an inference request, or a parameter is not what Triton reads.
        InvalidValueError: a tensor's values do not fit its shape or datatype.
    """
    inference = decode_request(body, header_length)
    asked = _decode(memoryview(body)[: len(body) if header_length is None else int(header_length)])
    for each in asked.inputs:
        _checked(f"input {each.name} ", each.parameters, {"binary_data_size": _whole})
    data = [to_bytes(tensor) for tensor in inference.inputs]
    wire: dict[str, Any] = {
        "id": inference.request_id,
        "parameters": _checked("parameter ", asked.parameters, _OF_REQUEST),
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": tensor.data.shape,
                "parameters": {"binary_data_size": len(raw)},
            }
            for tensor, raw in zip(inference.inputs, data, strict=True)
        ],
    }
    if asked.outputs:
        wire["outputs"] = [
            {"name": each.name, "parameters": _checked(f"output {each.name} ", each.parameters, _OF_OUTPUT)}
            for each in asked.outputs
        ]
    head = _encode(wire)
    headers = [(b"content-type", b"application/octet-stream"), (HEADER_LENGTH.encode(), b"%d" % len(head))]
    return RewrittenRequest(inference, head + b"".join(data), headers)


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "expected true or false"


def _whole(value: object) -> str:
    fits = type(value) is int and 0 <= value < _MOST
    return "" if fits else "expected a whole number, 0 or above"


def _sequence(value: object) -> str:
    return "" if isinstance(value, str) or not _whole(value) else "expected a whole number, 0 or above, or a string"


def _scalar(value: object) -> str:
    return "" if isinstance(value, str | bool | int | float) else "expected a number, a string, true or false"


_OF_REQUEST = {
    "binary_data_output": _flag,
    "priority": _whole,
    "sequence_end": _flag,
    "sequence_id": _sequence,
    "sequence_start": _flag,
    "timeout": _whole,
}
_OF_OUTPUT = {"binary_data": _flag, "classification": _whole}


def _checked(of: str, parameters: _Parameters | None, rules: dict[str, Any]) -> _Parameters:
    """The parameters without those that are null, which is as good as absent."""
    given = {name: value for name, value in (parameters or {}).items() if value is not None}
    for name, value in given.items():
        if name.startswith(("shared_memory_", "triton_")):
            raise MalformedError(f"{of}{name}", value, "not to be used from here")
        if problem := rules.get(name, _scalar)(value):
            raise MalformedError(f"{of}{name}", msgspec.json.encode(value).decode(), problem)
    return given
