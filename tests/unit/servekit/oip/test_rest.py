from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servekit.errors import InvalidValueError, MalformedError, ServingError
from servekit.oip.rest import decode_request, decode_response, encode_request, encode_response
from servekit.oip.tensors import DTYPES, Inference, InferenceResult, Tensor
from tests.unit.servekit.oip.tensor_strategies import assert_same, tensors

ONE = Tensor("x", "FP32", np.array([1.5, 2.5], np.float32))


def body(**fields: Any) -> bytes:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1.5]}
    return msgspec.json.encode({"inputs": [tensor], **fields})


def tensor_body(**fields: Any) -> bytes:
    return body(inputs=[{"name": "x", "datatype": "FP32", "shape": [1], **fields}])


def header(json_length: int | None) -> str | None:
    return None if json_length is None else str(json_length)


@given(st.lists(tensors([*DTYPES]), min_size=1, max_size=3), st.booleans(), st.text(max_size=5))
def test_a_request_survives_the_wire_in_json_and_in_binary(sent: list[Tensor], binary: bool, request_id: str) -> None:  # noqa: FBT001
    request = Inference(tuple(sent), ("y",), request_id)
    raw, json_length = encode_request(request, binary_inputs=binary)
    got = decode_request(raw, header(json_length))
    for one, other in zip(got.inputs, sent, strict=True):
        assert_same(one, other)
    assert (got.outputs, got.request_id, got.binary) == (("y",), request_id, frozenset())


@given(st.lists(tensors([*DTYPES]), min_size=1, max_size=3, unique_by=lambda tensor: tensor.name), st.data())
def test_an_answer_survives_the_wire_whichever_outputs_are_binary(sent: list[Tensor], data: st.DataObject) -> None:
    names = frozenset(tensor.name for tensor in sent)
    binary = data.draw(st.none() | st.frozensets(st.sampled_from(sorted(names))))
    request = Inference((), request_id="7", binary=binary)
    raw, json_length = encode_response(InferenceResult("m", "2", tuple(sent)), request)
    got = decode_response(raw, header(json_length))
    assert (got.model, got.version) == ("m", "2")
    assert (json_length is None) == (binary is not None and not binary)
    for one, other in zip(got.outputs, sent, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("name", ["id", "parameters", "outputs"])
def test_an_optional_field_of_a_request_that_is_null_is_absent(name: str) -> None:
    assert repr(decode_request(body(**{name: None}))) == repr(decode_request(body()))


def test_null_is_absent_at_every_depth() -> None:
    text = body(
        inputs=[
            {"name": "x", "datatype": "FP32", "shape": [1], "data": [1.5], "parameters": {"binary_data_size": None}}
        ],
        outputs=[{"name": "y", "parameters": None}, {"name": "z", "parameters": {"binary_data": None}}],
        parameters={"binary_data_output": None},
    )
    got = decode_request(text)
    assert (got.outputs, got.binary) == (("y", "z"), frozenset())
    assert_same(got.inputs[0], Tensor("x", "FP32", np.array([1.5], np.float32)))
    binary = body(
        inputs=[{"name": "x", "datatype": "FP32", "shape": [1], "data": None, "parameters": {"binary_data_size": 4}}]
    )
    assert decode_request(binary + b"\0\0\0\0", str(len(binary))).inputs[0].data.tolist() == [0.0]


def test_null_is_absent_in_an_answer() -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1.5], "parameters": None}
    answer = {"model_name": "m", "model_version": None, "id": None, "parameters": None, "outputs": [tensor]}
    got = decode_response(msgspec.json.encode(answer))
    assert (got.model, got.version, got.outputs[0].data.tolist()) == ("m", "", [1.5])


def test_the_id_is_echoed_in_the_answer() -> None:
    raw, _ = encode_response(InferenceResult("m", "2", (ONE,)), Inference((), request_id="42"))
    assert msgspec.json.decode(raw)["id"] == "42"


@pytest.mark.parametrize(
    ("fields", "binary"),
    [
        ({}, frozenset()),
        ({"parameters": {"binary_data_output": True}}, None),
        ({"parameters": {"binary_data_output": True}, "outputs": [{"name": "y"}]}, frozenset({"y"})),
        ({"outputs": [{"name": "y"}, {"name": "z", "parameters": {"binary_data": True}}]}, frozenset({"z"})),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "y", "parameters": {"binary_data": False}}, {"name": "z"}],
            },
            frozenset({"z"}),
        ),
    ],
)
def test_outputs_are_binary_where_asked_for(fields: dict[str, Any], binary: frozenset[str] | None) -> None:
    assert decode_request(body(**fields)).binary == binary


def test_a_client_asks_for_all_or_for_some_outputs_in_binary() -> None:
    every = decode_request(encode_request(Inference((ONE,), binary=None))[0])
    some = decode_request(encode_request(Inference((ONE,), ("y", "z"), binary=frozenset({"z"})))[0])
    assert every.binary is None
    assert some.binary == frozenset({"z"})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON: Input data was truncated"),
        (b"flowers", "not JSON: JSON is malformed: invalid character (byte 5)"),
        (
            b'{"inputs": [], "id": "\xff"}',
            "not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (b"[" * 100_000, "not an inference request: Expected `object`, got `array`"),
        (b"{}", "not an inference request: Object missing required field `inputs`"),
        (body(id=7), "not an inference request: Expected `str | null`, got `int` - at `$.id`"),
        (tensor_body(shape=[1.5]), "not an inference request: Expected `int`, got `float` - at `$.inputs[0].shape[0]`"),
        (tensor_body(data=[1]).replace(b"[1]}", b"[NaN]}"), "not JSON: JSON is malformed: invalid character (byte 61)"),
        (
            tensor_body(data=[1]).replace(b"[1]}", b"[1e999]}"),
            "not an inference request: Number out of range - at `$.inputs[0].data[0]`",
        ),
        (tensor_body(data=[1]).replace(b"[1]}", b"[" * 100_000), "not an inference request: nested too deeply"),
    ],
)
def test_a_malformed_body_is_explained(raw: bytes, message: str) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_request(raw)
    assert str(caught.value) == f"body: {message}"


@pytest.mark.parametrize("length", ["3", "-1", "", " 2", "2.0", "٢", "two", "9" * 5000])
def test_a_header_length_that_the_body_does_not_have_is_malformed(length: str) -> None:
    shown = length if len(length) < 80 else f"{length[:79]}…"
    with pytest.raises(MalformedError) as caught:
        decode_request(b"{}", length)
    expectation = "expected a number of bytes from 0 to 2"
    assert str(caught.value) == f"header inference-header-content-length {shown}: {expectation}"


@pytest.mark.parametrize("size", [4, -1, True, "4", 1.5])
def test_a_binary_size_that_the_body_does_not_have_is_malformed(size: object) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_request(tensor_body(parameters={"binary_data_size": size}))
    assert str(caught.value) == f"input x binary_data_size {size}: expected 0 to 0 bytes after the JSON"


def test_bytes_that_belong_to_no_tensor_are_malformed() -> None:
    with pytest.raises(MalformedError, match=r"^body 2 bytes: belong to no binary tensor$"):
        decode_request(body() + b"12", str(len(body())))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (body(parameters={"binary_data_output": "no"}), "binary_data_output no: expected true or false"),
        (
            body(outputs=[{"name": "a b", "parameters": {"binary_data": 1}}]),
            "output a b binary_data 1: expected true or false",
        ),
    ],
)
def test_a_flag_is_true_or_false(raw: bytes, message: str) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_request(raw)
    assert str(caught.value) == message


def test_values_that_do_not_fit_are_invalid_rather_than_malformed() -> None:
    with pytest.raises(InvalidValueError, match=r"^input x data 2 values: expected 1 for shape \[1\]$"):
        decode_request(tensor_body(data=[1, 2]))


def test_binary_tensors_take_their_bytes_in_turn_between_json_ones() -> None:
    inputs = [
        {"name": "a", "datatype": "UINT8", "shape": [2], "parameters": {"binary_data_size": 2}},
        {"name": "b", "datatype": "UINT8", "shape": [1], "data": [9]},
        {"name": "c", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 6}},
        {"name": "d", "datatype": "FP32", "shape": [0], "parameters": {"binary_data_size": 0}},
    ]
    text = body(inputs=inputs)
    got = decode_request(text + b"\1\2" + b"\2\0\0\0hi", str(len(text)))
    assert [tensor.data.tolist() for tensor in got.inputs] == [[1, 2], [9], [b"hi"], []]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_an_answer_that_json_cannot_hold_must_be_asked_for_in_binary(odd: float) -> None:
    result = InferenceResult("m", "1", (Tensor("score", "FP32", np.array([1, odd], np.float32)),))
    message = "^tensor score: holds NaN or infinity, which JSON lacks: ask for it as a binary tensor$"
    with pytest.raises(InvalidValueError, match=message):
        encode_response(result, Inference(()))
    raw, length = encode_response(result, Inference((), binary=None))
    np.testing.assert_array_equal(decode_response(raw, str(length)).outputs[0].data, [1, odd])


def test_finite_numbers_whose_sum_is_not_are_answered() -> None:
    result = InferenceResult("m", "1", (Tensor("score", "FP64", np.array([1e308, 1e308])),))
    assert decode_response(encode_response(result, Inference(()))[0]).outputs[0].data.tolist() == [1e308, 1e308]


def test_bytes_that_are_not_text_must_be_asked_for_in_binary() -> None:
    result = InferenceResult("m", "1", (Tensor("word", "BYTES", np.array([b"\xff"], object)),))
    message = "^tensor word: holds bytes that are not UTF-8: ask for it as a binary tensor$"
    with pytest.raises(InvalidValueError, match=message):
        encode_response(result, Inference(()))


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"model_name": "m"}', b'{"model_name": "\xff"}', b'{"x": ' + b"[" * 100_000]
)
def test_an_answer_that_is_none_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^body: not an inference response: "):
        decode_response(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
almost_tensors = st.fixed_dictionaries(
    {
        "name": st.text(max_size=3),
        "datatype": st.sampled_from([*DTYPES, "FP31"]),
        "shape": st.lists(st.integers(-1, 2**70) | st.integers(0, 3), max_size=4),
    },
    optional={
        "data": json_values,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "x"]), st.integers(-1, 9), max_size=2),
    },
)
almost_requests = st.fixed_dictionaries(
    {"inputs": st.lists(almost_tensors, max_size=3)},
    optional={
        "id": st.text(max_size=3),
        "outputs": st.lists(st.fixed_dictionaries({"name": st.text(max_size=3)}), max_size=2),
        "parameters": st.dictionaries(st.just("binary_data_output"), st.booleans() | st.integers(0, 1), max_size=1),
    },
)


@given(st.binary(max_size=60), st.none() | st.text(max_size=5) | st.integers(0, 70).map(str))
def test_arbitrary_bytes_raise_nothing_but_serving_errors(raw: bytes, length: str | None) -> None:
    with suppress(ServingError):
        decode_request(raw, length)


@given(json_values | almost_requests, st.binary(max_size=12), st.booleans())
def test_arbitrary_json_raises_nothing_but_serving_errors(value: object, tail: bytes, framed: bool) -> None:  # noqa: FBT001
    text = msgspec.json.encode(value)
    with suppress(ServingError):
        decode_request(text + tail, str(len(text)) if framed else None)
