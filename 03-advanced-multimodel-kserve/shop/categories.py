"""The kinds of goods that the shop sells."""

from __future__ import annotations

__all__ = ["CATEGORIES"]

CATEGORIES = (
    *("books", "fashion", "garden", "kitchen", "phones", "shoes", "toys", "watches"),
    *("beauty", "pets", "sports", "food", "gift cards", "furniture", "games", "tools"),
)
"""Their names, by the index that features have."""
