"""Model sharding: the catalogue cut into slices, a model for each; `merging` makes one answer of theirs.

The best hundred of everything are among the best hundreds of the parts, so nothing is lost; a shard's items are in the
order of their ids, so that equal scores fall as they would in one model.
"""

from __future__ import annotations

from itertools import pairwise

from shop.models.personalisation.graphs import item_matrix, personalisation_onnx

__all__ = ["bounds", "shard"]

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
