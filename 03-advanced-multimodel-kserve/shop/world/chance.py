"""The randomness of the world: seeded, one stream for each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["happens", "stream"]


def stream(seed: int, name: str) -> np.random.Generator:
    """The randomness of one part of the world: a part that draws more leaves the others as they were."""
    return np.random.default_rng([seed, *name.encode()])


def happens(
    rng: np.random.Generator, chance: float | NDArray[np.float64], shape: int | tuple[int, ...]
) -> NDArray[np.bool_]:
    """Whether it does, with that probability, for each place of the shape."""
    return rng.random(shape) < chance
