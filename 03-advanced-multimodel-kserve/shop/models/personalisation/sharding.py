"""Model sharding: the catalogue cut into slices, a model for each, and the merge that makes one answer of theirs.

The best hundred of everything are among the best hundreds of the parts, so nothing is lost; a shard's items are in the
order of their ids, so that equal scores fall as they would in one model.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from shop.models.personalisation.graphs import item_matrix, personalisation_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["bounds", "merge", "shard"]

Part = tuple["NDArray[np.int32]", "NDArray[np.float32]"]
"""``items`` and ``scores`` of a shard, (n, k) each, best first."""

_BLOCK = 64  # slices begin at multiples of this, where the kernels of a matrix product begin anew


def bounds(items: int, shards: int) -> list[int]:
    """Where each slice begins, and the end.

    Raises:
        ValueError: there are fewer blocks of 64 items than shards.
    """
    blocks = -(-items // _BLOCK)
    if not 1 <= shards <= blocks:
        raise ValueError(f"shards {shards}: expected 1 to {blocks} for {items} items")
    return [min(items, _BLOCK * (blocks * number // shards)) for number in range(shards + 1)]


def shard(onnx: bytes, shards: int) -> list[bytes]:
    """The graphs of the slices of a personalisation graph."""
    items = item_matrix(onnx)
    limits = bounds(len(items), shards)
    return [personalisation_onnx(items[low:high], low) for low, high in pairwise(limits)]


def merge(parts: Sequence[Part], k: int) -> Part:
    """The best ``k`` of the shards' answers, best first, of equal scores the smaller id; all where there are fewer."""
    items = np.concatenate([part[0] for part in parts], axis=1)
    scores = np.concatenate([part[1] for part in parts], axis=1)
    order = np.lexsort((items, -scores), axis=1)[:, :k]
    return np.take_along_axis(items, order, 1), np.take_along_axis(scores, order, 1)
