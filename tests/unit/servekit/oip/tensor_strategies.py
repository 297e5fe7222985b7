"""Random tensors of every datatype, and their equality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from hypothesis import strategies as st

from servekit.oip.tensors import DTYPES, Tensor

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_WIDTHS: dict[str, Literal[16, 32, 64]] = {"FP16": 16, "FP32": 32, "FP64": 64}
NUMERIC = [datatype for datatype in DTYPES if datatype != "BYTES"]


def elements(datatype: str) -> SearchStrategy[Any]:
    dtype = DTYPES[datatype]
    if datatype == "BYTES":
        return st.text(st.characters(codec="utf-8"), max_size=8).map(str.encode)
    if dtype.kind == "b":
        return st.booleans()
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        return st.integers(int(limits.min), int(limits.max))
    return st.floats(width=_WIDTHS[datatype], allow_nan=False, allow_infinity=False)


@st.composite
def tensors(draw: st.DrawFn, datatypes: list[str]) -> Tensor:
    """A tensor of up to three dimensions, sizes of 0 included."""
    datatype = draw(st.sampled_from(datatypes))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    count = int(np.prod(shape, dtype=int))
    values = draw(st.lists(elements(datatype), min_size=count, max_size=count))
    flat = np.empty(count, DTYPES[datatype])
    flat[:] = values
    return Tensor(draw(st.text(min_size=1, max_size=5)), datatype, flat.reshape(shape))


def assert_same(got: Tensor, sent: Tensor) -> None:
    assert (got.name, got.datatype, got.data.shape) == (sent.name, sent.datatype, sent.data.shape)
    assert got.data.dtype == DTYPES[sent.datatype]
    np.testing.assert_array_equal(got.data, sent.data)
