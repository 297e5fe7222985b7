from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from recommender.adapters.tensors import decode, encode
from servekit.errors import MalformedError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray


def document(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_what_was_encoded_is_decoded(dtype: type[np.generic]) -> None:
    tensors = {"a": np.arange(6).reshape(2, 3).astype(dtype), "empty": np.zeros(0, np.int32)}
    decoded, metadata = decode(encode(tensors, {"k": "10", "title": "Amélie"}))
    assert metadata == {"k": "10", "title": "Amélie"}
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(decoded[name], tensor)
        assert decoded[name].dtype == tensor.dtype


TENSORS: dict[str, NDArray[Any]] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.arange(4, dtype=np.int64),
    "c": np.array([[0.5]], np.float64),
    "empty": np.zeros(0, np.int32),
}


def test_the_library_reads_what_was_encoded() -> None:
    content = encode(TENSORS, {"k": "10", "title": "Amélie"})
    assert struct.unpack_from("<Q", content)[0] % 8 == 0, "the arrays begin at a multiple of eight bytes"
    read = safetensors.numpy.load(content)
    assert read.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(read[name], tensor, strict=True)


def test_the_library_reads_the_metadata(tmp_path: Path) -> None:
    file = tmp_path / "histories.safetensors"
    file.write_bytes(encode(TENSORS, {"k": "10", "title": "Amélie"}))
    with safetensors.safe_open(file, framework="numpy") as opened:  # `load` returns the arrays alone
        assert opened.metadata() == {"k": "10", "title": "Amélie"}


def test_what_the_library_wrote_is_decoded() -> None:
    decoded, metadata = decode(safetensors.numpy.save(TENSORS, {"k": "10", "title": "Amélie"}))
    assert metadata == {"k": "10", "title": "Amélie"}
    assert decoded.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(decoded[name], tensor, strict=True)


def test_an_array_that_is_not_contiguous_arrives_as_it_looks() -> None:
    strided = np.arange(10, dtype=np.float32)[::2]
    np.testing.assert_array_equal(decode(encode({"x": strided}))[0]["x"], [0, 2, 4, 6, 8])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        struct.pack("<Q", 2**63) + b"{}",
        document([]),
        document({"x": 1}),
        document({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"\0" * 8),
        document({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 4),
        document({"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]}}, b"\0" * 8),
        document({"x": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}}, b"\0" * 8),
        document({"x": {"dtype": "U7", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8),
        document({"x": {"dtype": "F32", "shape": None, "data_offsets": [0, 8]}}, b"\0" * 8),
        document({"__metadata__": 5}),
    ],
)
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^binData of \d+ bytes: not a safetensors document: "):
        decode(content)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_decoded_or_refused(noise: bytes) -> None:
    valid = encode({"x": np.arange(4, dtype=np.float32)}, {"a": "b"})
    for content in (noise, valid[:8] + noise, valid[: len(noise)], valid[:-1] + noise):
        try:
            decode(content)
        except MalformedError:
            continue
