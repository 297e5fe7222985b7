"""Inference: what a valid request is answered with, on each wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servekit.oip import rest
from workbench.conformance.registry import Registry
from workbench.conformance.signature import fits, same_numbers
from workbench.conformance.verdict import NotApplicableError, expect

if TYPE_CHECKING:
    from servekit.oip.tensors import InferenceResult
    from workbench.conformance.target import Target

__all__ = ["INFERENCE"]

INFERENCE = Registry()
_check = INFERENCE.check
_ROWS = 3
_ID = "conformance-42"


@_check("flat JSON data is answered with the declared outputs", "REST: Inference Response JSON Object")
def json_flat(target: Target) -> None:
    _expect_declared(target, target.infer(target.request()))


@_check("the model's version answers and says so", "REST: Inference")
def json_version(target: Target) -> None:
    answer = target.infer(target.request(), version=target.version)
    expect(answer.version == target.version, f"model_version is {answer.version!r}: expected {target.version!r}")


@_check("nested JSON data is the same request as flat data", "REST: Tensor Data")
def json_nested(target: Target) -> None:
    request = target.request()
    wire = msgspec.json.decode(rest.encode_request(request)[0])
    for tensor, sent in zip(request.inputs, wire["inputs"], strict=True):
        sent["data"] = _texts(tensor.data.tolist()) if tensor.data.ndim else sent["data"]
    answer = target.ask(target.path("/infer"), msgspec.json.encode(wire))
    expect(answer.is_success, f"nested data was answered {answer.status_code} {answer.text[:200]}: expected 200")
    _expect_same(rest.decode_response(answer.content), target.infer(request))


@_check("a batch of several rows is answered with a row for each", "REST: Request Input")
def json_batch(target: Target) -> None:
    answer = target.infer(target.request(_ROWS))
    _expect_declared(target, answer)
    batched = {declared.name for declared in target.signature.outputs if declared.shape[:1] == [-1]}
    for tensor in answer.outputs:
        rows = tensor.data.shape[0] if tensor.name in batched else _ROWS
        expect(rows == _ROWS, f"output {tensor.name} has {rows} rows: expected {_ROWS}")


@_check("the request's id is returned", "REST: Inference Response JSON Object")
def json_id(target: Target) -> None:
    answer = msgspec.json.decode(target.post(target.request(request_id=_ID)).content)
    expect(answer.get("id") == _ID, f"id is {answer.get('id')!r}: expected {_ID!r}")


@_check("the outputs asked for are returned, and no others", "REST: Inference Request JSON Object")
def json_outputs(target: Target) -> None:
    for wanted in _each_output(target):
        got = [tensor.name for tensor in target.infer(target.request(outputs=(wanted,))).outputs]
        expect(got == [wanted], f"asked for output {wanted}, got {', '.join(got)}")


@_check("the answer to JSON is JSON", "REST: Inference Response JSON Object")
def json_content_type(target: Target) -> None:
    kind = target.post(target.request()).headers.get("content-type", "absent")
    expect(kind.startswith("application/json"), f"content-type is {kind}: expected application/json")


@_check("binary inputs give the same numbers as JSON", "binary: binary_data_size")
def binary_in(target: Target) -> None:
    target.require_binary()
    request = target.request()
    _expect_same(target.infer(request, binary_inputs=True), target.infer(request))


@_check("binary outputs give the same numbers as JSON", "binary: binary_data_output")
def binary_out(target: Target) -> None:
    target.require_binary()
    answer = target.post(target.request(binary=None))
    length = answer.headers.get(rest.HEADER_LENGTH)
    expect(length, "the answer has no Inference-Header-Content-Length")
    _expect_same(rest.decode_response(answer.content, length), target.infer(target.request()))


@_check("a single output comes as binary where that is asked for", "binary: binary_data")
def binary_one(target: Target) -> None:
    target.require_binary()
    for wanted in _each_output(target):
        answer = target.post(target.request(outputs=(wanted,), binary=frozenset({wanted})))
        length = answer.headers.get(rest.HEADER_LENGTH)
        expect(length, f"output {wanted} was asked for as binary: the answer has no Inference-Header-Content-Length")
        _expect_same(rest.decode_response(answer.content, length), target.infer(target.request(outputs=(wanted,))))


@_check("a batch in binary, both ways, gives the same numbers as JSON", "binary: Examples")
def binary_both(target: Target) -> None:
    target.require_binary()
    _expect_same(
        target.infer(target.request(_ROWS, binary=None), binary_inputs=True), target.infer(target.request(_ROWS))
    )


@_check("gRPC with raw contents gives the same numbers as JSON", "gRPC: ModelInferRequest.raw_input_contents")
def grpc_raw(target: Target) -> None:
    answer = target.call_infer(target.request(binary=None))
    _expect_declared(target, answer)
    _expect_same(answer, target.infer(target.request()))


@_check("gRPC with typed contents gives the same numbers as JSON", "gRPC: InferTensorContents")
def grpc_typed(target: Target) -> None:
    request = target.request()
    if any(tensor.datatype == "FP16" for tensor in request.inputs):
        raise NotApplicableError("FP16 has no typed form")
    _expect_same(target.call_infer(request), target.infer(request))


@_check("a batch over gRPC gives the same numbers as JSON", "gRPC: Inference")
def grpc_batch(target: Target) -> None:
    _expect_same(target.call_infer(target.request(_ROWS, binary=None)), target.infer(target.request(_ROWS)))


@_check("the model's version answers over gRPC and says so", "gRPC: ModelInferRequest.model_version")
def grpc_version(target: Target) -> None:
    answer = target.call_infer(target.request(binary=None), version=target.version)
    expect(answer.version == target.version, f"model_version is {answer.version!r}: expected {target.version!r}")


@_check("the request's id is returned over gRPC", "gRPC: ModelInferResponse.id")
def grpc_id(target: Target) -> None:
    answer = target.call("ModelInfer", target.message(target.request(request_id=_ID, binary=None)))
    expect(answer.id == _ID, f"id is {answer.id!r}: expected {_ID!r}")


@_check("the outputs asked for are returned over gRPC, and no others", "gRPC: ModelInferRequest.outputs")
def grpc_outputs(target: Target) -> None:
    for wanted in _each_output(target):
        got = [tensor.name for tensor in target.call_infer(target.request(outputs=(wanted,), binary=None)).outputs]
        expect(got == [wanted], f"asked for output {wanted}, got {', '.join(got)}")


def _each_output(target: Target) -> list[str]:
    return [declared.name for declared in target.signature.outputs]


def _expect_declared(target: Target, answer: InferenceResult) -> None:
    expect(answer.model == target.model, f"model_name is {answer.model!r}: expected {target.model!r}")
    got = [tensor.name for tensor in answer.outputs]
    declared = {tensor.name: tensor for tensor in target.signature.outputs}
    expect(sorted(got) == sorted(declared), f"outputs are {', '.join(got)}: expected {', '.join(declared)}")
    for tensor in answer.outputs:
        wanted = declared[tensor.name]
        shown = f"output {tensor.name} is {tensor.datatype} {list(tensor.data.shape)}"
        fit = tensor.datatype == wanted.datatype and fits(tensor.data.shape, wanted.shape)
        expect(fit, f"{shown}: expected {wanted.datatype} {wanted.shape}")


def _expect_same(got: InferenceResult, wanted: InferenceResult) -> None:
    others = {tensor.name: tensor for tensor in wanted.outputs}
    expect({tensor.name for tensor in got.outputs} == set(others), "the outputs are others")
    for tensor in got.outputs:
        other = others[tensor.name]
        shown = f"output {tensor.name} is {tensor.data.ravel()[:8].tolist()}"
        expect(same_numbers(tensor, other), f"{shown}: expected {other.data.ravel()[:8].tolist()} as in JSON")


def _texts(values: Any) -> Any:
    if isinstance(values, list):
        return [_texts(item) for item in values]
    return values.decode() if isinstance(values, bytes) else values
