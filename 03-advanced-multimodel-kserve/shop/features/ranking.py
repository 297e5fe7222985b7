"""What the ranking model sees. One function builds it, in training and in the gateway: there is no second to differ.

=========  ====================================================================================================
columns    holds
=========  ====================================================================================================
0 – 31     the user: 8 of habits, 12 of taste (the style of what was looked at), 12 of a latent space
32 – 95    the item: 16 of facts and record, 16 of category (one-hot), 12 of style, 12 latent, 8 of its audience
96 – 127   the query (2 of price, 16 of category), and what it makes of user and item
=========  ====================================================================================================

Scaling is not done here: it is folded into the first layer of the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from shop.features.store import ITEM_WIDTH, RANKING_WIDTH, USER_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CATEGORIES", "ITEM", "LATENT", "STYLE", "USER", "Query", "build"]

CATEGORIES, STYLE, LATENT = 16, 12, 12
"""Categories of the shop; axes of style and of the latent space."""

USER = {
    name: position
    for position, name in enumerate(
        ["known", "activity", "tier", "tier_spread", "click_rate", "purchase_share", "quality", "recency"]
    )
}
"""Columns of the habits in a user's block; taste and the latent space follow."""

ITEM = {
    name: position
    for position, name in enumerate(
        [
            *["known", "price", "tier", "rating", "reviews", "views", "clicks", "purchases"],
            *["click_rate", "conversion", "age", "recent_views", "trend", "popularity", "tier_rank", "quality"],
        ]
    )
}
"""Columns of the facts in an item's block; category, style, the latent space and the audience follow."""

_TASTE, _USER_LATENT = slice(8, 8 + STYLE), slice(8 + STYLE, USER_WIDTH)
_CATEGORY = 16
_STYLE = slice(_CATEGORY + CATEGORIES, _CATEGORY + CATEGORIES + STYLE)
_LATENT = slice(_STYLE.stop, _STYLE.stop + LATENT)
_QUERY = USER_WIDTH + ITEM_WIDTH
_CROSS = _QUERY + 2 + CATEGORIES


@dataclass(frozen=True, slots=True)
class Query:
    """A search as the ranking model knows it.

    Attributes:
        category: of the shop, from 0 to CATEGORIES - 1.
        price: what the person means to spend, above 0; None where they did not say.
    """

    category: int
    price: float | None = None


def build(query: Query, user: NDArray[np.float32], items: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, RANKING_WIDTH): the features of n candidates.

    Args:
        query: the search.
        user: (USER_WIDTH,): the user's block; zeros for someone unknown.
        items: (n, ITEM_WIDTH): the candidates' blocks; zeros for an unknown item.
    """
    features = np.zeros((len(items), RANKING_WIDTH), np.float32)
    features[:, :USER_WIDTH] = user
    features[:, USER_WIDTH:_QUERY] = items
    features[:, _QUERY + 2 + query.category] = 1
    _cross(query, user, items, features[:, _CROSS:])
    if query.price is not None:
        wanted = log(query.price)
        features[:, _QUERY] = 1
        features[:, _QUERY + 1] = wanted
        gap = items[:, ITEM["price"]] - np.float32(wanted)
        features[:, _CROSS] = gap
        np.abs(gap, out=features[:, _CROSS + 1])
    return features


def _cross(query: Query, user: NDArray[np.float32], items: NDArray[np.float32], cross: NDArray[np.float32]) -> None:
    """Fills in how user, query and item fit, and how the item compares with the other candidates."""
    tier, quality = items[:, ITEM["tier"]], items[:, ITEM["quality"]]
    cross[:, 2] = items[:, _CATEGORY + query.category]
    np.subtract(tier, user[USER["tier"]], out=cross[:, 3])
    np.abs(cross[:, 3], out=cross[:, 4])
    cross[:, 5] = items[:, _STYLE] @ user[_TASTE]
    cross[:, 6] = items[:, _LATENT] @ user[_USER_LATENT]
    np.multiply(quality, user[USER["quality"]], out=cross[:, 7])
    np.multiply(cross[:, 5], cross[:, 2], out=cross[:, 8])
    compared = cross[:, 9:14]
    compared[:, 0] = cross[:, 5]
    compared[:, 1] = cross[:, 6]
    compared[:, 2] = tier
    compared[:, 3] = items[:, ITEM["views"]]
    compared[:, 4] = items[:, ITEM["click_rate"]]
    compared -= compared.mean(axis=0)
