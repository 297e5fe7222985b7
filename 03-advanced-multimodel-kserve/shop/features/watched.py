"""Which columns of a model's features are watched for drift: those that a person can name and look into.

Training writes a reference for them, and the gateway holds what it computes against it. Each column costs a look at the
metrics a tenth of a millisecond. The others say the same in other words, or turn with every training: taste, style and
the latent space.
"""

from __future__ import annotations

from typing import Final

from shop.features.fraud import ENTITY
from shop.features.ranking import ITEM, USER
from shop.features.store import ITEM_WIDTH, USER_WIDTH

__all__ = ["PROFILE", "WATCHED"]

PROFILE: Final = "drift.json"
"""The reference profile, beside the graph."""

_SHARED: Final = 12
"""Of an entity's columns, as many are the fraud model's."""

WATCHED: Final[dict[str, dict[str, int]]] = {
    "ranking": {
        **{f"user_{name}": column for name, column in USER.items()},
        **{f"item_{name}": USER_WIDTH + column for name, column in ITEM.items()},
        "price_named": USER_WIDTH + ITEM_WIDTH,
        "price": USER_WIDTH + ITEM_WIDTH + 1,
    },
    "fraud": {
        **{name: column for column, name in enumerate(("amount", "hour_cos", "hour_sin", "resale"))},
        **{
            f"{kind}_{name}": 16 + _SHARED * number + column
            for number, kind in enumerate(("user", "card", "device", "address"))
            for name, column in ENTITY.items()
            if column < _SHARED
        },
    },
}
"""By model, the column of each name. Of personalisation there is none: its input is a point of the latent space."""
