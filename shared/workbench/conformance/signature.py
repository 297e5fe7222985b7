"""A model's tensors, and valid requests made up from them."""

from __future__ import annotations

from itertools import cycle, islice
from math import prod
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from servekit.oip.rest import TensorMetadata
from servekit.oip.tensors import DTYPES, Tensor, from_values
from workbench.conformance.verdict import NotApplicableError, ViolationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Signature", "fits", "is_batched", "same_numbers", "synthesise"]

_DEFAULTS: dict[str, list[Any]] = {
    "b": [True, False],
    "u": [1, 0],
    "i": [1, 0],
    "f": [1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5],  # exact in half precision, so every wire carries the same number
    "O": ["a", "bc", ""],
}


class Signature(msgspec.Struct, frozen=True):
    """A model's metadata; what the protocol makes optional has a default."""

    name: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    platform: str | None = None
    versions: list[str] | None = []  # null is not the protocol's, but says no less than nothing


def is_batched(signature: Signature) -> bool:
    """Whether every input takes any number of rows."""
    return all(declared.shape[:1] == [-1] for declared in signature.inputs)


def synthesise(signature: Signature, rows: int, values: Mapping[str, list[Any]]) -> tuple[Tensor, ...]:
    """Valid input tensors of that many rows; every other size that is free is 1.

    Args:
        signature: the model's.
        rows: size of the first dimension where it is free.
        values: by input name, what its elements repeat; an input not named gets small numbers, or short texts.

    Raises:
        ViolationError: a datatype is not the protocol's.
        NotApplicableError: more than one row for a model whose first dimension is not free, or no inputs declared.
    """
    if not signature.inputs:
        raise NotApplicableError("the model's metadata declares no inputs to make a request from")
    if rows != 1 and not is_batched(signature):
        raise NotApplicableError("an input's first dimension is not free")
    return tuple(_tensor(declared, rows, values) for declared in signature.inputs)


def fits(shape: tuple[int, ...], declared: list[int]) -> bool:
    """Whether a tensor's shape is one that was declared; -1 is any size."""
    return len(shape) == len(declared) and all(want in (-1, size) for size, want in zip(shape, declared, strict=True))


def _tensor(declared: TensorMetadata, rows: int, values: Mapping[str, list[Any]]) -> Tensor:
    if declared.datatype not in DTYPES:
        raise ViolationError(f"input {declared.name} datatype {declared.datatype}: expected one of {', '.join(DTYPES)}")
    shape = [1 if size == -1 else size for size in declared.shape]
    if declared.shape[:1] == [-1]:
        shape[0] = rows
    pattern = values.get(declared.name, _DEFAULTS[DTYPES[declared.datatype].kind])
    elements = list(islice(cycle(pattern), prod(shape)))
    return from_values(declared.name, declared.datatype, shape, elements)


def same_numbers(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors agree: exactly, or to 1e-5 for floats, whose last bits may depend on batching."""
    if one.data.shape != other.data.shape or one.datatype != other.datatype:
        return False
    if one.data.dtype.kind == "f":
        return bool(np.allclose(one.data, other.data, rtol=1e-5, atol=1e-6, equal_nan=True))
    return bool(np.array_equal(one.data, other.data))
