"""Named arrays as bytes in the safetensors format, which travel between the steps and lie beside the model.

Eight bytes give the length of a JSON header, which has each array's type, shape and place in the bytes that follow;
its ``__metadata__`` holds strings (https://huggingface.co/docs/safetensors#format). Reading runs no code from the
document and copies no array.
"""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from servekit.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["decode", "encode"]

_NAMES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
}
_DATATYPES = {dtype: name for name, dtype in _NAMES.items()}
_PREFIX = struct.Struct("<Q")
_ALIGNMENT = 8


def encode(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> bytes:
    """The document with the metadata and the arrays, which are of 32 or 64 bit floats or integers."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        datatype = _DATATYPES[tensor.dtype.newbyteorder("<")]
        header[name] = {"dtype": datatype, "shape": tensor.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    arrays = (np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<")).tobytes() for tensor in tensors.values())
    return b"".join((_PREFIX.pack(len(text)), text, *arrays))


def decode(document: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays, read-only, and the metadata.

    Raises:
        MalformedError: the bytes are no safetensors document.
    """
    try:
        (length,) = _PREFIX.unpack_from(document)
        start = _PREFIX.size + length
        if start > len(document):
            raise ValueError(f"its header ends at byte {start}")  # noqa: TRY301 - one of the ways to be malformed
        header = json.loads(document[_PREFIX.size : start])
        metadata = {str(name): str(value) for name, value in header.pop("__metadata__", {}).items()}
        return {name: _array(document, start, entry) for name, entry in header.items()}, metadata
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedError("binData", f"of {len(document)} bytes", f"not a safetensors document: {error}") from None


def _array(document: bytes, start: int, entry: Any) -> NDArray[Any]:
    dtype, shape, (begin, end) = _NAMES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    count = math.prod(shape)
    if not 0 <= begin <= end or end - begin != count * dtype.itemsize:
        raise ValueError(f"offsets {begin} to {end} for shape {shape}")
    array: NDArray[Any] = np.frombuffer(document, dtype, count, start + begin).reshape(shape)
    return array
