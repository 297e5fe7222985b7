"""A flower as it is measured, and which measurements are valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CLASS_NAMES",
    "FEATURES",
    "MAX_BATCH",
    "MAX_CM",
    "MAX_STREAM_ROWS",
    "Batch",
    "Flower",
    "as_dict",
    "as_row",
    "as_rows",
    "check_rows",
]

CLASS_NAMES = ("setosa", "versicolor", "virginica")
"""The species, in the order of the model's labels 0, 1, 2."""

MAX_BATCH = 1_000
"""Flowers in one JSON request; larger batches travel as Arrow."""

MAX_STREAM_ROWS = 500_000
"""Flowers in one Arrow stream."""

MAX_CM = 100.0
"""No iris has a leaf of a metre: a length above this is a mistake, often one of units."""

Centimetres = Annotated[float, msgspec.Meta(ge=0, le=MAX_CM, description="a length in cm, from 0 to 100")]


class Flower(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):  # gc: not woken by a batch of them
    """The four lengths, in centimetres."""

    sepal_length_cm: Centimetres
    sepal_width_cm: Centimetres
    petal_length_cm: Centimetres
    petal_width_cm: Centimetres


FEATURES = Flower.__struct_fields__
"""The features by name, in the order of the model's columns."""

Batch = Annotated[list[Flower], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


def as_row(flower: Flower) -> NDArray[np.float32]:
    """One flower as the model's input, shape (1, 4)."""
    return np.array((msgspec.structs.astuple(flower),), np.float32)


def as_rows(flowers: list[Flower]) -> NDArray[np.float32]:
    """A batch as the model's input, shape (n, 4)."""
    return np.array([msgspec.structs.astuple(flower) for flower in flowers], np.float32)


def as_dict(row: NDArray[Any]) -> dict[str, float]:
    """A row (4,) as a dictionary of named features, as JSON has it."""
    return dict(zip(FEATURES, row.tolist(), strict=True))


def check_rows(rows: NDArray[Any]) -> None:
    """Checks an (n, 4) array against what `Flower` allows.

    Raises:
        InvalidValueError: no rows, or a value that is not a number from 0 to 100, named by row and feature.
    """
    if len(rows) == 0:
        raise InvalidValueError("features", "0 rows", "expected at least one flower")
    valid = (rows >= 0) & (rows <= MAX_CM)  # False for NaN
    if not valid.all():
        row, column = np.argwhere(~valid)[0]
        thing = f"features[{row}].{FEATURES[column]}"
        raise InvalidValueError(thing, str(rows[row, column]), "expected a length from 0 to 100 cm")
