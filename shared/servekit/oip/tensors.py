"""Tensors and their datatypes, as the Open Inference Protocol names them."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DTYPES",
    "Inference",
    "InferenceResult",
    "Tensor",
    "element_count",
    "from_bytes",
    "from_values",
    "shaped",
    "to_bytes",
]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
"""Protocol datatype → numpy dtype, little-endian as on the wire. BYTES elements are Python ``bytes``."""

_TAKES = {"b": "b", "u": "ui", "i": "ui", "f": "uif"}
_PYTHON_TYPES: dict[str, set[type]] = {"b": {bool}, "u": {int}, "i": {int}, "f": {int, float}}


class Tensor(msgspec.Struct, frozen=True):
    """A named array with its protocol datatype; the shape is the array's."""

    name: str
    datatype: str
    data: NDArray[Any]


class Inference(msgspec.Struct, frozen=True):
    """An inference request, over REST or gRPC.

    Attributes:
        inputs: the tensors, in the order sent.
        outputs: names of the requested outputs; empty for all.
        request_id: the caller's id, echoed in the answer; empty when absent.
        binary: names of the outputs requested as binary tensors; ``None`` for all.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...] = ()
    request_id: str = ""
    binary: frozenset[str] | None = frozenset()


class InferenceResult(msgspec.Struct, frozen=True):
    """A model's answer: its tensors, and the model and version that made them."""

    model: str
    version: str
    outputs: tuple[Tensor, ...]


def from_values(name: str, datatype: str, shape: list[int], values: object) -> Tensor:
    """A tensor from JSON values, flat in row-major order or nested as the shape.

    Raises:
        InvalidValueError: unknown datatype, ragged or wrongly typed values, values beyond the datatype's range, or a
            size or nesting that the shape does not have.
    """
    dtype = _dtype(name, datatype)
    count = element_count(name, shape)
    if not isinstance(values, list):
        raise InvalidValueError(f"input {name} data", values, "expected a list of values")
    array = _bytes_array(name, values) if datatype == "BYTES" else _numeric_array(name, datatype, dtype, values)
    return Tensor(name, datatype, _reshape(name, array, shape, count))


def from_bytes(name: str, datatype: str, shape: list[int], raw: bytes | memoryview) -> Tensor:
    """A tensor from its binary form: little-endian elements, or length-prefixed (``<u4``) BYTES.

    Numeric arrays are read-only views of ``raw``: nothing is copied.

    Raises:
        InvalidValueError: unknown datatype, a byte count that does not fit shape and datatype, or a BOOL that is
            neither 0 nor 1.
    """
    dtype = _dtype(name, datatype)
    count = element_count(name, shape)
    if datatype == "BYTES":
        return Tensor(name, datatype, _reshape(name, _split_bytes(name, raw), shape, count))
    expected = count * dtype.itemsize
    if len(raw) != expected:
        raise InvalidValueError(
            f"input {name} data", f"{len(raw)} bytes", f"expected {expected} for shape {shape} of {datatype}"
        )
    if datatype == "BOOL" and (worst := np.frombuffer(raw, np.uint8).max(initial=0)) > 1:
        raise InvalidValueError(f"input {name} data", f"byte {worst}", "expected 0 or 1 for datatype BOOL")
    return Tensor(name, datatype, shaped(name, np.frombuffer(raw, dtype), shape))


def to_bytes(tensor: Tensor) -> bytes:
    """The tensor's elements in the protocol's binary form."""
    if tensor.datatype == "BYTES":
        return b"".join(len(item).to_bytes(4, "little") + item for item in tensor.data.ravel())
    return np.ascontiguousarray(tensor.data, DTYPES[tensor.datatype]).tobytes()


def _dtype(name: str, datatype: str) -> np.dtype[Any]:
    try:
        return DTYPES[datatype]
    except KeyError:
        expectation = f"expected one of {', '.join(DTYPES)}"
        raise InvalidValueError(f"input {name} datatype", datatype, expectation) from None


def element_count(name: str, shape: list[int]) -> int:
    """The number of elements of a tensor of that shape.

    Raises:
        InvalidValueError: a size is negative.
    """
    if any(size < 0 for size in shape):
        raise InvalidValueError(f"input {name} shape", shape, "expected sizes of 0 or more")
    return math.prod(shape)


def shaped(name: str, array: NDArray[Any], shape: list[int]) -> NDArray[Any]:
    """The array in that shape, whose element count is the array's.

    Raises:
        InvalidValueError: more than 64 dimensions, or sizes that no memory holds (a 0 hides them from the count).
    """
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError):
        raise InvalidValueError(f"input {name} shape", shape, "expected sizes that an array can have") from None


def _reshape(name: str, array: NDArray[Any], shape: list[int], count: int) -> NDArray[Any]:
    if array.size != count:
        expectation = f"expected {count} for shape {shape}"
        raise InvalidValueError(f"input {name} data", f"{array.size} values", expectation)
    if count and array.ndim != 1 and list(array.shape) != shape:
        nesting = f"nested as {list(array.shape)}"
        raise InvalidValueError(f"input {name} data", nesting, f"expected a flat list, or one nested as shape {shape}")
    return shaped(name, array, shape)


def _numeric_array(name: str, datatype: str, dtype: np.dtype[Any], values: list[Any]) -> NDArray[Any]:
    try:
        array = np.asarray(values)
        if array.size == 0:
            return array.astype(dtype)
        # numpy takes a bool among numbers for a number, and large integers for floats or objects
        if array.dtype.kind not in _TAKES[dtype.kind] or (dtype.kind != "b" and _has_bool(values, array.ndim)):
            array = _exact_array(name, datatype, dtype, values)
        if dtype.kind in "ui":
            _check_range(name, datatype, dtype, array)
        with np.errstate(over="raise"):
            return array.astype(dtype)
    except ValueError:
        raise InvalidValueError(f"input {name} data", None, "expected a flat or regularly nested list") from None
    except (FloatingPointError, OverflowError):
        largest = max(np.asarray(values, object).ravel().tolist(), key=abs)
        raise InvalidValueError(f"input {name} data", largest, f"expected values of {datatype}") from None


def _has_bool(values: list[Any], depth: int) -> bool:
    flat: Iterable[Any] = values
    for _ in range(depth - 1):
        flat = chain.from_iterable(flat)
    return bool in map(type, flat)


def _exact_array(name: str, datatype: str, dtype: np.dtype[Any], values: list[Any]) -> NDArray[Any]:
    """The values as Python objects, each of a type that the datatype takes."""
    array = np.asarray(values, object)
    for item in array.ravel().tolist():
        if type(item) not in _PYTHON_TYPES[dtype.kind]:
            shown = item if isinstance(item, str) else msgspec.json.encode(item).decode()
            raise InvalidValueError(f"input {name} data", shown, f"expected values of {datatype}")
    return array


def _check_range(name: str, datatype: str, dtype: np.dtype[Any], array: NDArray[Any]) -> None:
    limits = np.iinfo(dtype)
    low, high = int(array.min()), int(array.max())
    if low < limits.min or high > limits.max:
        worst = low if low < limits.min else high
        raise InvalidValueError(f"input {name} data", worst, f"expected values of {datatype}")


def _bytes_array(name: str, values: list[Any]) -> NDArray[Any]:
    texts = np.asarray(values, object)
    items = texts.ravel().tolist()
    for item in items:
        if not isinstance(item, str):
            shown = "a list" if isinstance(item, list) else msgspec.json.encode(item).decode()
            raise InvalidValueError(f"input {name} data", shown, "expected strings for datatype BYTES, evenly nested")
    return _object_array([item.encode() for item in items]).reshape(texts.shape)


def _split_bytes(name: str, raw: bytes | memoryview) -> NDArray[Any]:
    items: list[bytes] = []
    at = 0
    while at < len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if at + 4 > len(raw) or end > len(raw):
            raise InvalidValueError(f"input {name} data", f"element {len(items)}", "its length runs past the end")
        items.append(bytes(raw[at + 4 : end]))
        at = end
    return _object_array(items)


def _object_array(items: list[bytes]) -> NDArray[Any]:
    array = np.empty(len(items), object)
    array[:] = items
    return array
