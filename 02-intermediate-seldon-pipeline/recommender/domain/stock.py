"""The stock: which items are out of it, by the inventory's last answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Stock"]


@dataclass(frozen=True)
class Stock:
    """The items that are out of stock, and the age of that answer.

    Attributes:
        out: (items,) true where an item is out of stock.
        age_s: seconds since the inventory's answer; None when it was asked for this very request.
    """

    out: NDArray[np.bool_]
    age_s: float | None = None

    @property
    def tag(self) -> str:
        """The tag of an answer that was made with this stock: ``fresh`` or ``stale``."""
        return "fresh" if self.age_s is None else "stale"
