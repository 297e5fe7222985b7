from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servekit.errors import InvalidValueError, ServingError
from servekit.oip.tensors import DTYPES, Tensor, element_count, from_bytes, from_values, to_bytes
from tests.unit.servekit.oip.tensor_strategies import NUMERIC, assert_same, tensors

NO_MEMORY = "expected sizes that an array can have"
UNEVEN = "expected a flat or regularly nested list"


@given(tensors([*DTYPES]))
def test_every_datatype_survives_its_binary_form(tensor: Tensor) -> None:
    shape = list(tensor.data.shape)
    assert_same(from_bytes(tensor.name, tensor.datatype, shape, to_bytes(tensor)), tensor)


@given(tensors([*DTYPES]), st.booleans())
def test_every_datatype_survives_as_values_flat_or_nested(tensor: Tensor, nested: bool) -> None:  # noqa: FBT001
    values = tensor.data.tolist() if nested and tensor.data.ndim else tensor.data.ravel().tolist()
    as_json = _decoded(values) if tensor.datatype == "BYTES" else values
    assert_same(from_values(tensor.name, tensor.datatype, list(tensor.data.shape), as_json), tensor)


def _decoded(values: Any) -> Any:
    return [_decoded(item) for item in values] if isinstance(values, list) else values.decode()


def test_a_numeric_tensor_from_bytes_is_a_view_of_them() -> None:
    raw = np.arange(4, dtype="<f4").tobytes()
    tensor = from_bytes("x", "FP32", [4], memoryview(raw))
    assert np.shares_memory(tensor.data, np.frombuffer(raw, np.uint8))
    assert not tensor.data.flags.writeable


def test_binary_forms_are_little_endian_and_row_major_whatever_the_array() -> None:
    columns_first = np.asfortranarray(np.array([[1, 2], [3, 4]], ">u2"))
    assert to_bytes(Tensor("x", "UINT16", columns_first)) == b"\1\0\2\0\3\0\4\0"


def test_bytes_elements_are_prefixed_with_their_length() -> None:
    words = np.array([b"ab", b"", b"\0"], object)
    assert to_bytes(Tensor("x", "BYTES", words)) == b"\2\0\0\0ab" + b"\0\0\0\0" + b"\1\0\0\0\0"


@pytest.mark.parametrize(
    ("datatype", "shape", "values", "message"),
    [
        ("FP33", [1], [1], f"input x datatype FP33: expected one of {', '.join(DTYPES)}"),
        ("FP32", [-1], [1], "input x shape [-1]: expected sizes of 0 or more"),
        ("FP32", [2], None, "input x data: expected a list of values"),
        ("FP32", [2], 3.5, "input x data 3.5: expected a list of values"),
        ("FP32", [2], [1, 2, 3], "input x data 3 values: expected 2 for shape [2]"),
        ("FP32", [2**62, 4], [1], f"input x data 1 values: expected {2**64} for shape [{2**62}, 4]"),
        ("FP32", [0, 2**62], [], f"input x shape [0, {2**62}]: {NO_MEMORY}"),
        ("FP32", [0, 2**80], [], f"input x shape [0, {2**80}]: {NO_MEMORY}"),
        ("FP32", [1] * 65, [1], f"input x shape [{'1, ' * 26}…: {NO_MEMORY}"),
        ("BYTES", [0, 2**62], [], f"input x shape [0, {2**62}]: {NO_MEMORY}"),
        ("FP32", [3], [[1, 2], [3]], f"input x data: {UNEVEN}"),
        ("FP32", [2], [1, [2]], f"input x data: {UNEVEN}"),
        (
            "FP32",
            [4],
            [[1, 2], [3, 4]],
            "input x data nested as [2, 2]: expected a flat list, or one nested as shape [4]",
        ),
        (
            "FP32",
            [3, 2],
            [[1, 2, 3], [4, 5, 6]],
            "input x data nested as [2, 3]: expected a flat list, or one nested as shape [3, 2]",
        ),
        ("FP32", [2], [1, "two"], "input x data two: expected values of FP32"),
        ("FP32", [2], [1, None], "input x data null: expected values of FP32"),
        ("FP32", [2], [1, {"a": 1}], 'input x data {"a":1}: expected values of FP32'),
        ("FP32", [2], [1.5, True], "input x data true: expected values of FP32"),
        ("INT8", [2, 1], [[0], [True]], "input x data true: expected values of INT8"),
        ("FP32", [1], [False], "input x data false: expected values of FP32"),
        ("BOOL", [2], [True, 1], "input x data 1: expected values of BOOL"),
        ("BOOL", [1], [0], "input x data 0: expected values of BOOL"),
        ("INT32", [2], [1, 2.0], "input x data 2.0: expected values of INT32"),
        ("INT8", [2], [1, -129], "input x data -129: expected values of INT8"),
        ("UINT8", [2], [256, 1], "input x data 256: expected values of UINT8"),
        ("UINT64", [2], [2**63, -1], "input x data -1: expected values of UINT64"),
        ("UINT64", [1], [2**64], f"input x data {2**64}: expected values of UINT64"),
        ("INT64", [2], [2**63, 1], f"input x data {2**63}: expected values of INT64"),
        ("FP16", [2], [1.5, 70_000], "input x data 70000: expected values of FP16"),
        ("FP16", [2], [1, -70_000], "input x data -70000: expected values of FP16"),
        ("FP32", [2], [1.5, -1e39], "input x data -1e+39: expected values of FP32"),
        ("FP32", [1], [10**40], f"input x data {10**40}: expected values of FP32"),
        ("FP64", [2], [1, 10**400], f"input x data 1{'0' * 78}…: expected values of FP64"),
        ("BYTES", [2], ["a", 1], "input x data 1: expected strings for datatype BYTES, evenly nested"),
        ("BYTES", [2], ["a", None], "input x data null: expected strings for datatype BYTES, evenly nested"),
        ("BYTES", [2], ["a", ["b"]], "input x data a list: expected strings for datatype BYTES, evenly nested"),
        ("BYTES", [1], ["a", "b"], "input x data 2 values: expected 1 for shape [1]"),
    ],
)
def test_values_that_do_not_fit_are_named(datatype: str, shape: list[int], values: object, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        from_values("x", datatype, shape, values)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("datatype", "shape", "raw", "message"),
    [
        ("BF17", [1], b"", f"input x datatype BF17: expected one of {', '.join(DTYPES)}"),
        ("FP32", [-2, 2], b"", "input x shape [-2, 2]: expected sizes of 0 or more"),
        ("FP32", [2], b"1234567", "input x data 7 bytes: expected 8 for shape [2] of FP32"),
        ("FP64", [2**62, 4], b"", f"input x data 0 bytes: expected {2**67} for shape [{2**62}, 4] of FP64"),
        ("FP64", [2**62, 0], b"", f"input x shape [{2**62}, 0]: {NO_MEMORY}"),
        ("UINT8", [1] * 65, b"1", f"input x shape [{'1, ' * 26}…: {NO_MEMORY}"),
        ("BOOL", [3], b"\0\1\2", "input x data byte 2: expected 0 or 1 for datatype BOOL"),
        ("BYTES", [1], b"\3\0\0\0ab", "input x data element 0: its length runs past the end"),
        ("BYTES", [2], b"\1\0\0\0a\1\0", "input x data element 1: its length runs past the end"),
        ("BYTES", [1], b"\xff\xff\xff\xffab", "input x data element 0: its length runs past the end"),
        ("BYTES", [1], b"\1\0\0\0a\1\0\0\0b", "input x data 2 values: expected 1 for shape [1]"),
    ],
)
def test_bytes_that_do_not_fit_are_named(datatype: str, shape: list[int], raw: bytes, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        from_bytes("x", datatype, shape, raw)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("UINT64", [2**63, 1]),  # numpy makes floats of these, and loses digits
        ("UINT64", [2**64 - 1, 2**53 + 1]),
        ("INT64", [-(2**63), 2**63 - 1]),
        ("FP64", [2**64, 1]),
    ],
)
def test_large_integers_keep_every_digit(datatype: str, values: list[int]) -> None:
    assert from_values("x", datatype, [2], values).data.tolist() == values


@pytest.mark.parametrize("datatype", [*DTYPES])
def test_empty_lists_have_no_elements_of_any_datatype(datatype: str) -> None:
    assert from_values("x", datatype, [0], []).data.dtype == DTYPES[datatype]
    assert from_values("x", datatype, [2, 0], [[], []]).data.shape == (2, 0)


def test_numbers_too_small_for_the_datatype_become_zero() -> None:
    assert from_values("x", "FP32", [1], [1e-60]).data.tolist() == [0.0]


def test_a_shape_without_sizes_has_one_element() -> None:
    assert element_count("x", []) == 1
    assert from_values("x", "FP32", [], [2.5]).data.shape == ()


deep_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=8,
)


@given(st.sampled_from([*DTYPES]), st.lists(st.integers(-2, 2**65) | st.integers(0, 3), max_size=4), deep_values)
def test_arbitrary_values_raise_nothing_but_serving_errors(datatype: str, shape: list[int], values: object) -> None:
    with suppress(ServingError):
        from_values("x", datatype, shape, values)


@given(st.sampled_from(NUMERIC), st.lists(deep_values, min_size=1, max_size=3))
def test_arbitrary_lists_raise_nothing_but_serving_errors(datatype: str, values: list[object]) -> None:
    with suppress(ServingError):
        from_values("x", datatype, [len(values)], values)


@given(
    st.sampled_from([*DTYPES]), st.lists(st.integers(0, 2**63) | st.integers(0, 3), max_size=4), st.binary(max_size=40)
)
def test_arbitrary_bytes_raise_nothing_but_serving_errors(datatype: str, shape: list[int], raw: bytes) -> None:
    with suppress(ServingError):
        from_bytes("x", datatype, shape, raw)
