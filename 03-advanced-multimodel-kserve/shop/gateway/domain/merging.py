"""One answer out of the shards' answers: all that who serves shards needs of model sharding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Part", "merge"]

Part = tuple["NDArray[np.int32]", "NDArray[np.float32]"]
"""``items`` and ``scores`` of a shard, (n, k) each, best first."""


def merge(parts: Sequence[Part], k: int) -> Part:
    """The best ``k`` of the shards' answers, best first, of equal scores the smaller id; all where there are fewer."""
    items = np.concatenate([part[0] for part in parts], axis=1)
    scores = np.concatenate([part[1] for part in parts], axis=1)
    order = np.lexsort((items, -scores), axis=1)[:, :k]
    return np.take_along_axis(items, order, 1), np.take_along_axis(scores, order, 1)
