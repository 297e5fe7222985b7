from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servekit.errors import InvalidValueError, MalformedError, ServingError
from servekit.oip import inference_pb2 as pb
from servekit.oip import rpc
from servekit.oip.rpc import decode_request, decode_response, encode_request, encode_response
from servekit.oip.tensors import DTYPES, Inference, InferenceResult, Tensor
from tests.unit.servekit.oip.tensor_strategies import assert_same, tensors

Input = pb.ModelInferRequest.InferInputTensor
TYPED = [datatype for datatype in DTYPES if datatype != "FP16"]


def request(*inputs: Input, raw: list[bytes] | None = None) -> pb.ModelInferRequest:
    return pb.ModelInferRequest(model_name="m", inputs=inputs, raw_input_contents=raw or [])


def typed(datatype: str, shape: list[int], **contents: list[int] | list[float] | list[bytes]) -> pb.ModelInferRequest:
    return request(Input(name="x", datatype=datatype, shape=shape, contents=pb.InferTensorContents(**contents)))  # type: ignore[arg-type]


@given(st.lists(tensors(TYPED), min_size=1, max_size=3), st.booleans(), st.text(max_size=4))
def test_a_request_survives_the_wire_raw_and_typed(sent: list[Tensor], raw: bool, request_id: str) -> None:  # noqa: FBT001
    inference = Inference(tuple(sent), ("y", "z"), request_id, binary=None if raw else frozenset())
    message = pb.ModelInferRequest.FromString(encode_request("m", "2", inference).SerializeToString())
    got = decode_request(message)
    assert (message.model_name, message.model_version, bool(message.raw_input_contents)) == ("m", "2", raw)
    assert (got.outputs, got.request_id, got.binary) == (("y", "z"), request_id, inference.binary)
    for one, other in zip(got.inputs, sent, strict=True):
        assert_same(one, other)


@given(st.lists(tensors(TYPED), min_size=1, max_size=3), st.booleans())
def test_an_answer_takes_the_form_of_its_request(sent: list[Tensor], raw: bool) -> None:  # noqa: FBT001
    asked = Inference((), request_id="42", binary=None if raw else frozenset())
    message = encode_response(InferenceResult("m", "3", tuple(sent)), asked)
    got = decode_response(pb.ModelInferResponse.FromString(message.SerializeToString()))
    assert (got.model, got.version, message.id) == ("m", "3", "42")
    assert bool(message.raw_output_contents) == raw
    for one, other in zip(got.outputs, sent, strict=True):
        assert_same(one, other)


@given(tensors(["FP16"]))
def test_half_precision_travels_raw_for_it_has_no_typed_form(tensor: Tensor) -> None:
    asked = encode_request("m", "", Inference((tensor,)))
    answer = encode_response(InferenceResult("m", "1", (tensor,)), Inference(()))
    assert_same(decode_request(asked).inputs[0], tensor)
    assert_same(decode_response(answer).outputs[0], tensor)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (
            typed("FP16", [1], fp32_contents=[1.5]),
            f"input x datatype FP16: expected one of {', '.join(rpc._FIELDS)}",
        ),
        (typed("FP32", [-1], fp32_contents=[1.5]), "input x shape [-1]: expected sizes of 0 or more"),
        (
            typed("FP32", [2], fp32_contents=[1.5]),
            "input x data 1 values: expected 2 in fp32_contents for shape [2] of FP32",
        ),
        (
            typed("FP32", [1], fp64_contents=[1.5]),
            "input x data 0 values: expected 1 in fp32_contents for shape [1] of FP32",
        ),
        (
            typed("FP32", [2**62, 4]),
            f"input x data 0 values: expected {2**64} in fp32_contents for shape [{2**62}, 4] of FP32",
        ),
        (typed("FP32", [2**62, 0]), f"input x shape [{2**62}, 0]: expected sizes that an array can have"),
        (typed("INT8", [2], int_contents=[1, 300]), "input x data: expected values of INT8"),
        (typed("INT16", [1], int_contents=[-40_000]), "input x data: expected values of INT16"),
        (typed("UINT8", [1], uint_contents=[256]), "input x data: expected values of UINT8"),
        (
            request(Input(name="x", datatype="FP32", shape=[2]), raw=[b"1234"]),
            "input x data 4 bytes: expected 8 for shape [2] of FP32",
        ),
    ],
)
def test_elements_that_do_not_fit_are_named(message: pb.ModelInferRequest, error: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        decode_request(message)
    assert str(caught.value) == error


def test_raw_contents_are_one_for_each_input() -> None:
    one = Input(name="x", datatype="FP32", shape=[1])
    with pytest.raises(MalformedError, match=r"^raw contents 2: expected one for each of the 1 tensors$"):
        decode_request(request(one, raw=[b"1234", b"1234"]))


def test_raw_and_typed_contents_exclude_each_other() -> None:
    contents = pb.InferTensorContents(fp32_contents=[1.5])
    both = Input(name="x", datatype="FP32", shape=[1], contents=contents)
    with pytest.raises(MalformedError, match=r"^contents: a message holds raw contents or typed ones, not both$"):
        decode_request(request(both, raw=[b"1234"]))


def test_not_a_number_travels_typed_and_raw() -> None:
    tensor = Tensor("x", "FP32", np.array([np.nan, np.inf], np.float32))
    for binary in (None, frozenset[str]()):
        assert_same(decode_request(encode_request("m", "", Inference((tensor,), binary=binary))).inputs[0], tensor)


contents = st.builds(
    pb.InferTensorContents,
    bool_contents=st.lists(st.booleans(), max_size=3),
    int_contents=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3),
    uint_contents=st.lists(st.integers(0, 2**32 - 1), max_size=3),
    fp32_contents=st.lists(st.floats(width=32), max_size=3),
    bytes_contents=st.lists(st.binary(max_size=3), max_size=3),
)
inputs = st.builds(
    Input,
    name=st.text(st.characters(codec="utf-8"), max_size=3),
    datatype=st.sampled_from([*DTYPES, "FP31"]),
    shape=st.lists(st.integers(-1, 2**63 - 1) | st.integers(0, 3), max_size=4),
    contents=st.none() | contents,
)


@given(st.lists(inputs, max_size=3), st.lists(st.binary(max_size=12), max_size=3))
def test_arbitrary_messages_raise_nothing_but_serving_errors(wires: list[Input], raw: list[bytes]) -> None:
    with suppress(ServingError):
        decode_request(request(*wires, raw=raw))
