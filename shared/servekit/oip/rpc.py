"""The gRPC wire of the Open Inference Protocol: messages to tensors and back.

Tensors travel raw (``raw_input_contents``, the fast form) or typed (``contents``); an answer takes the
form of its request.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from servekit.errors import InvalidValueError, MalformedError
from servekit.oip import inference_pb2 as pb
from servekit.oip.tensors import (
    DTYPES,
    Inference,
    InferenceResult,
    Tensor,
    element_count,
    from_bytes,
    shaped,
    to_bytes,
)

__all__ = ["UNLIMITED", "decode_request", "decode_response", "encode_request", "encode_response"]

UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
"""A client's options: how large a message may be is for the server to say; gRPC's own limit for answers is 4 MiB."""

_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def decode_request(message: pb.ModelInferRequest) -> Inference:
    """The request in a message; ``binary`` tells whether its tensors came raw.

    Raises:
        MalformedError: raw and typed contents do not go together.
        InvalidValueError: a tensor's elements do not fit its shape or datatype.
    """
    tensors = _tensors(message.inputs, message.raw_input_contents)
    raw = bool(message.raw_input_contents)
    return Inference(tensors, tuple(out.name for out in message.outputs), message.id, None if raw else frozenset())


def encode_response(result: InferenceResult, request: Inference) -> pb.ModelInferResponse:
    """The answer as a message: raw when the request was, typed otherwise (FP16 has no typed form: always raw)."""
    message = pb.ModelInferResponse(model_name=result.model, model_version=result.version, id=request.request_id)
    _fill(message.outputs, message.raw_output_contents, result.outputs, raw=request.binary is None)
    return message


def encode_request(model: str, version: str, request: Inference) -> pb.ModelInferRequest:
    """The request as a message, for clients; raw when ``request.binary`` is ``None`` or a tensor is FP16."""
    message = pb.ModelInferRequest(model_name=model, model_version=version, id=request.request_id)
    _fill(message.inputs, message.raw_input_contents, request.inputs, raw=request.binary is None)
    message.outputs.extend(pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in request.outputs)
    return message


def decode_response(message: pb.ModelInferResponse) -> InferenceResult:
    """The answer in a message, for clients."""
    tensors = _tensors(message.outputs, message.raw_output_contents)
    return InferenceResult(message.model_name, message.model_version, tensors)


def _tensors(wires: Any, raw: Any) -> tuple[Tensor, ...]:
    if not raw:
        return tuple(_typed(wire) for wire in wires)
    if len(raw) != len(wires):
        raise MalformedError("raw contents", len(raw), f"expected one for each of the {len(wires)} tensors")
    if any(wire.HasField("contents") for wire in wires):
        raise MalformedError("contents", None, "a message holds raw contents or typed ones, not both")
    pairs = zip(wires, raw, strict=True)
    return tuple(from_bytes(wire.name, wire.datatype, list(wire.shape), data) for wire, data in pairs)


def _typed(wire: Any) -> Tensor:
    field = _FIELDS.get(wire.datatype)
    if field is None:
        raise InvalidValueError(f"input {wire.name} datatype", wire.datatype, f"expected one of {', '.join(_FIELDS)}")
    values = getattr(wire.contents, field)
    shape = list(wire.shape)
    expected = element_count(wire.name, shape)
    if len(values) != expected:
        expectation = f"expected {expected} in {field} for shape {shape} of {wire.datatype}"
        raise InvalidValueError(f"input {wire.name} data", f"{len(values)} values", expectation)
    try:
        # each value is checked on its way; assigning them to an array wraps an INT8 of 300 around to 44
        array = np.fromiter(values, DTYPES[wire.datatype], expected)
    except OverflowError:
        raise InvalidValueError(f"input {wire.name} data", None, f"expected values of {wire.datatype}") from None
    return Tensor(wire.name, wire.datatype, shaped(wire.name, array, shape))


def _fill(wires: Any, raws: Any, tensors: tuple[Tensor, ...], *, raw: bool) -> None:
    raw = raw or any(tensor.datatype not in _FIELDS for tensor in tensors)
    for tensor in tensors:
        wire = wires.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.data.shape)
        if raw:
            raws.append(to_bytes(tensor))
        else:
            getattr(wire.contents, _FIELDS[tensor.datatype]).extend(tensor.data.ravel().tolist())
