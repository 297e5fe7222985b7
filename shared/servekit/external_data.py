"""A check whether an ONNX file takes weights from other files, by its bytes in protobuf's encoding.

A tensor of an ONNX graph may name a file and an offset instead of holding its values, and the runtime then opens that
file, wherever the path leads and whatever sha256 ``model.json`` has. The models here hold all their values. Only the
standard library is used, because what serves a model does not have the library that knows the format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TENSORS", "has_external_data"]

TENSORS: Final[dict[str, dict[int, str]]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
}
"""The fields by which a message of ONNX leads to tensors, and the message in each."""

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _I64, _LENGTH, _GROUPS, _I32 = 0, 1, 2, (3, 4), 5


def has_external_data(model: bytes) -> bool:
    """Whether a tensor in the graph, at any depth, takes its values from a file.

    Bytes that are no message end the search: no runtime loads them.
    """
    waiting = [("ModelProto", 0, len(model))]
    while waiting:
        kind, start, end = waiting.pop()
        try:
            for field, value, stop in _fields(model, start, end):
                if kind == "TensorProto":
                    if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value):
                        return True
                elif stop is not None and field in TENSORS[kind]:
                    waiting.append((TENSORS[kind][field], value, stop))
        except IndexError:
            continue
    return False


def _fields(model: bytes, at: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """For each field its number, then start and end of its bytes, or its value and None if it is a number."""
    while at < end:
        tag, at = _varint(model, at, end)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(model, at, end)
            yield field, value, None
        elif wire == _LENGTH:
            size, at = _varint(model, at, end)
            if at + size > end:
                raise IndexError(size)
            yield field, at, at + size
            at += size
        elif wire in (_I64, _I32):
            at += 8 if wire == _I64 else 4
        elif wire not in _GROUPS:  # a group's own fields follow, and are read as if they stood here
            raise IndexError(wire)


def _varint(model: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:  # noqa: PLR2004 - ten bytes of seven bits are the longest number
        byte = model[at]
        value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
        if byte < 128:  # noqa: PLR2004 - the highest bit says that another byte follows
            return value, at
    raise IndexError(at)
