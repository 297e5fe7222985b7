"""``golden.json``: scikit-learn's own answers for the 150 flowers, written at training time as the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from iris_api.adapters.artefact import artefact_in

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["Golden", "read_golden", "write_golden"]


class Golden(msgspec.Struct, frozen=True):
    """Features (150, 4) in cm, labels (150,), probabilities (150, 3)."""

    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]


class _GoldenJson(msgspec.Struct):
    features: list[list[float]]
    label: list[int]
    probabilities: list[list[float]]


def write_golden(folder: Path, golden: Golden) -> None:
    """Writes the oracle beside the artefact."""
    document = _GoldenJson(golden.features.tolist(), golden.labels.tolist(), golden.probabilities.tolist())
    (folder / "golden.json").write_bytes(msgspec.json.encode(document))


def read_golden(folder: Path) -> Golden:
    """The oracle from an artefact's folder.

    Raises:
        ArtefactError: ``golden.json`` is missing or damaged.
    """
    files = artefact_in(folder)
    try:
        document = msgspec.json.decode(files.read("golden.json"), type=_GoldenJson)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise files.unreadable("golden.json", "golden answers", error) from None
    return Golden(np.array(document.features), np.array(document.label), np.array(document.probabilities))
