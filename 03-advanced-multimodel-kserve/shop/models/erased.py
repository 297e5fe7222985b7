"""Whom the shop must not know any more: a list that outlives training, so that no training brings anybody back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servekit.json_file import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ERASED", "ErasedError", "add_erased", "read_erased", "without"]

ERASED = "erased.json"
"""Below the run folder: for each key prefix of the feature store the ids that were erased."""


class ErasedError(Exception):
    """The list is not one; nobody may be forgotten or trained upon it."""


def read_erased(run_dir: Path) -> dict[str, list[int]]:
    """The ids by key prefix; nobody where there is no list.

    Raises:
        ErasedError: the file is not such a list.
    """
    file = run_dir / ERASED
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, list[int]])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise ErasedError(f"{file}: {error}: restore it from a backup, it says whom nobody may know") from None


def add_erased(run_dir: Path, ids: Mapping[str, set[int]]) -> dict[str, list[int]]:
    """Adds ids by key prefix to the list, and returns the whole list; raises as `read_erased`."""
    known = read_erased(run_dir)
    whole = {prefix: sorted({*known.get(prefix, []), *ids.get(prefix, ())}) for prefix in known.keys() | ids.keys()}
    write_json(run_dir / ERASED, whole)
    return whole


def without(
    blocks: Mapping[str, NDArray[np.float32]], erased: Mapping[str, list[int]]
) -> dict[str, NDArray[np.float32]]:
    """The features with rows of zeros for those who were erased: what is stored of someone unknown."""
    kept = {}
    for prefix, block in blocks.items():
        rows = [row for row in erased.get(prefix, ()) if row < len(block)]
        kept[prefix] = np.array(block) if rows else block
        kept[prefix][rows] = 0
    return kept
