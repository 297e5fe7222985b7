"""Refusals: what an invalid request is answered with. Never as success, never as the server's own failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import msgspec
import numpy as np
from msgspec.structs import replace

from servekit.oip import inference_pb2 as pb
from servekit.oip import rest
from servekit.oip.tensors import DTYPES, Inference, Tensor
from workbench.conformance.registry import Registry
from workbench.conformance.verdict import NotApplicableError, Requirement, ViolationError, expect

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from workbench.conformance.target import Target

    Spoil = Callable[[Target, Inference], Inference]

__all__ = ["REFUSALS"]

REFUSALS = Registry()
_check = REFUSALS.check

_BAD_REQUEST, _NOT_FOUND, _SERVERS_FAULT = 400, 404, 500
_NOBODY = "no_such_thing"
_NO_VERSION = "987654321"
_REST = "REST: Inference Response JSON Error Object"
_GRPC = "gRPC: Inference"
_CLIENTS_FAULT = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
}


def _other_name(_: Target, request: Inference) -> Inference:
    return _with_first(request, Tensor(_NOBODY, request.inputs[0].datatype, request.inputs[0].data))


def _other_datatype(_: Target, request: Inference) -> Inference:
    first = request.inputs[0]
    datatype = "INT32" if first.datatype != "INT32" else "FP32"
    return _with_first(request, Tensor(first.name, datatype, np.ones(first.data.shape, DTYPES[datatype])))


def _other_rank(_: Target, request: Inference) -> Inference:
    first = request.inputs[0]
    return _with_first(request, Tensor(first.name, first.datatype, first.data[..., np.newaxis]))


def _other_size(target: Target, request: Inference) -> Inference:
    first, declared = request.inputs[0], target.signature.inputs[0].shape
    fixed = [axis for axis, size in enumerate(declared) if size != -1]
    if not fixed:
        raise NotApplicableError("every size of the first input is free")
    wider = np.concatenate([first.data, first.data.take([0], fixed[-1])], fixed[-1])
    return _with_first(request, Tensor(first.name, first.datatype, wider))


def _no_inputs(_: Target, request: Inference) -> Inference:
    return replace(request, inputs=())


def _other_output(_: Target, request: Inference) -> Inference:
    return replace(request, outputs=(_NOBODY,))


_SPOILT: dict[str, tuple[Spoil, Requirement]] = {
    "an input that the model does not have": (_other_name, Requirement.MUST),
    "an input of another datatype": (_other_datatype, Requirement.MUST),
    "an input of another rank": (_other_rank, Requirement.MUST),
    "an input of another size": (_other_size, Requirement.MUST),
    "a request without inputs": (_no_inputs, Requirement.MUST),
    "an output that the model does not have": (_other_output, Requirement.SHOULD),
}


def _register(what: str, spoil: Spoil, level: Requirement) -> None:
    @_check(f"{what} is refused", _REST, level)
    def over_rest(target: Target) -> None:
        body, _ = rest.encode_request(spoil(target, target.request()))
        _expect_refused(target.ask(target.path("/infer"), body))

    @_check(f"{what} is refused over gRPC", _GRPC, level)
    def over_grpc(target: Target) -> None:
        message = target.message(spoil(target, target.request(binary=None)))
        _expect_status(target, "ModelInfer", message, _CLIENTS_FAULT)


for _what, (_spoil, _level) in _SPOILT.items():
    _register(_what, _spoil, _level)


@_check("a body that is not JSON is refused", _REST)
def not_json(target: Target) -> None:
    _expect_refused(target.ask(target.path("/infer"), b"this is not JSON"))


@_check("a body without the field inputs is refused", _REST)
def no_field_inputs(target: Target) -> None:
    _expect_refused(target.ask(target.path("/infer"), b"{}"))


@_check("fewer values than the shape says are refused", _REST)
def too_few_values(target: Target) -> None:
    wire = msgspec.json.decode(rest.encode_request(target.request())[0])
    del wire["inputs"][0]["data"][-1]
    _expect_refused(target.ask(target.path("/infer"), msgspec.json.encode(wire)))


@_check("more values than the shape says are refused", _REST)
def too_many_values(target: Target) -> None:
    wire = msgspec.json.decode(rest.encode_request(target.request())[0])
    wire["inputs"][0]["data"] *= 2
    _expect_refused(target.ask(target.path("/infer"), msgspec.json.encode(wire)))


@_check("a header length beyond the body is refused", "binary: Inference-Header-Content-Length")
def header_beyond_body(target: Target) -> None:
    body = _binary_body(target)
    _expect_refused(target.ask(target.path("/infer"), body, len(body) + 1))


@_check("a header length that is no number is refused", "binary: Inference-Header-Content-Length")
def header_no_number(target: Target) -> None:
    _expect_refused(target.ask(target.path("/infer"), _binary_body(target), "many"))


@_check("a binary tensor that the body is too short for is refused", "binary: binary_data_size")
def binary_cut(target: Target) -> None:
    target.require_binary()
    body, length = rest.encode_request(target.request(), binary_inputs=True)
    _expect_refused(target.ask(target.path("/infer"), body[:-1], length))


@_check("an unknown model is refused", _REST)
def unknown_model(target: Target) -> None:
    _expect_refused(_ask_unknown_model(target))


@_check("an unknown model is answered 404", _REST, Requirement.SHOULD)
def unknown_model_404(target: Target) -> None:
    _expect_not_found(_ask_unknown_model(target))


@_check("the metadata of an unknown model is refused", "REST: Model Metadata Response JSON Error Object")
def unknown_metadata(target: Target) -> None:
    _expect_refused(target.ask(target.path(model=_NOBODY)))


@_check("an unknown model is not ready", "REST: Model Ready")
def unknown_ready(target: Target) -> None:
    status = target.ask(target.path("/ready", model=_NOBODY)).status_code
    expect(_BAD_REQUEST <= status < _SERVERS_FAULT, f"answered {status}: expected 4xx")


@_check("an unknown version is refused", _REST)
def unknown_version(target: Target) -> None:
    _expect_refused(_ask_unknown_version(target))


@_check("an unknown version is answered 404", _REST, Requirement.SHOULD)
def unknown_version_404(target: Target) -> None:
    _expect_not_found(_ask_unknown_version(target))


@_check("an unknown model is not found over gRPC", _GRPC)
def grpc_unknown_model(target: Target) -> None:
    message = target.message(target.request(binary=None), model=_NOBODY)
    _expect_status(target, "ModelInfer", message, {grpc.StatusCode.NOT_FOUND})


@_check("an unknown version is not found over gRPC", _GRPC)
def grpc_unknown_version(target: Target) -> None:
    target.require_version()
    message = target.message(target.request(binary=None), version=_NO_VERSION)
    _expect_status(target, "ModelInfer", message, {grpc.StatusCode.NOT_FOUND})


@_check("the metadata of an unknown model is not found over gRPC", "gRPC: Model Metadata")
def grpc_unknown_metadata(target: Target) -> None:
    _expect_status(target, "ModelMetadata", pb.ModelMetadataRequest(name=_NOBODY), {grpc.StatusCode.NOT_FOUND})


@_check("raw contents shorter than the shape says are refused over gRPC", "gRPC: ModelInferRequest.raw_input_contents")
def grpc_raw_cut(target: Target) -> None:
    message = target.message(target.request(binary=None))
    message.raw_input_contents[0] = message.raw_input_contents[0][:-1]
    _expect_status(target, "ModelInfer", message, _CLIENTS_FAULT)


@_check("typed contents fewer than the shape says are refused over gRPC", "gRPC: InferTensorContents")
def grpc_typed_cut(target: Target) -> None:
    message = target.message(target.request())
    message.inputs[0].ClearField("contents")
    message.inputs[0].contents.SetInParent()
    _expect_status(target, "ModelInfer", message, _CLIENTS_FAULT)


def _with_first(request: Inference, tensor: Tensor) -> Inference:
    return replace(request, inputs=(tensor, *request.inputs[1:]))


def _binary_body(target: Target) -> bytes:
    target.require_binary()
    return rest.encode_request(target.request(), binary_inputs=True)[0]


def _ask_unknown_model(target: Target) -> httpx.Response:
    body, _ = rest.encode_request(target.request())
    return target.ask(target.path("/infer", model=_NOBODY), body)


def _ask_unknown_version(target: Target) -> httpx.Response:
    target.require_version()
    body, _ = rest.encode_request(target.request())
    return target.ask(target.path("/infer", version=_NO_VERSION), body)


def _expect_refused(answer: httpx.Response) -> None:
    """An error status with an error object; which of the 4xx, and that it is not a 5xx, is custom."""
    status = answer.status_code
    shown = f"answered {status} {answer.text[:120]}"
    expect(status >= _BAD_REQUEST, f"{shown}: expected an error status")
    try:
        error = msgspec.json.decode(answer.content, type=dict[str, Any]).get("error")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ViolationError(f'{shown}: expected a JSON object with "error"') from None
    expect(isinstance(error, str) and error, f"{shown}: expected error to be a message")
    expect(status < _SERVERS_FAULT, f"{shown}: expected 4xx, for the fault is the client's", Requirement.SHOULD)


def _expect_not_found(answer: httpx.Response) -> None:
    expect(answer.status_code == _NOT_FOUND, f"answered {answer.status_code}: expected {_NOT_FOUND}")


def _expect_status(target: Target, method: str, message: Any, expected: set[grpc.StatusCode]) -> None:
    """Not OK; which of the codes is custom."""
    try:
        target.call(method, message)
    except grpc.RpcError as error:
        code = error.code()
        names = " or ".join(sorted(each.name for each in expected))
        expect(
            code in expected, f"{method} answered {code.name} {error.details()}: expected {names}", Requirement.SHOULD
        )
    else:
        raise ViolationError(f"{method} answered OK: expected a refusal")
