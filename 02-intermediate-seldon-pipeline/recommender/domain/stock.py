"""What the warehouse says: which items cannot be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Stock"]


@dataclass(frozen=True)
class Stock:
    """Which items are out of stock, and how old that knowledge is.

    Attributes:
        out: (items,) true where an item cannot be had.
        age_s: seconds since the inventory said so; None when it was asked for this very request.
    """

    out: NDArray[np.bool_]
    age_s: float | None = None

    @property
    def tag(self) -> str:
        """``fresh`` or ``stale``: what an answer made with it is marked with."""
        return "fresh" if self.age_s is None else "stale"
