"""The feature store's keys and values, pure: whoever writes, loads or reads features agrees on them here.

A value is little-endian float32, nothing else; the two JSON-like keys are the exception.

===============  =======================  =====================================================================
key              floats                   holds
===============  =======================  =====================================================================
``i:<item>``     ITEM_WIDTH               the item's block of the ranking features
``u:<user>``     USER_WIDTH + EMBEDDING   the user's block of the ranking features, then the user's embedding
``f:<user>``     ENTITY_WIDTH             how the user pays
``c:<card>``     ENTITY_WIDTH             how the card is used
``d:<device>``   ENTITY_WIDTH             how the device is used
``p:<ip>``       ENTITY_WIDTH             how the address is used
``popular``      JSON                     ids of the most popular items, best first
``generation``   text                     sha256 of the feature set that was loaded
===============  =======================  =====================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "EMBEDDING",
    "ENTITY_WIDTH",
    "FILES",
    "FLOAT",
    "FRAUD_WIDTH",
    "GENERATION",
    "ITEM_WIDTH",
    "MANIFEST",
    "POPULAR",
    "POPULAR_FILE",
    "POPULAR_ITEMS",
    "RANKING_WIDTH",
    "USER_WIDTH",
    "card_key",
    "decode",
    "decode_rows",
    "device_key",
    "fraud_user_key",
    "ip_key",
    "item_key",
    "user_key",
]

FLOAT = np.dtype("<f4")
"""How each value is stored."""

USER_WIDTH, ITEM_WIDTH, QUERY_WIDTH = 32, 64, 32
RANKING_WIDTH = USER_WIDTH + ITEM_WIDTH + QUERY_WIDTH
"""What the ranking model takes: a user's block, an item's block, and the block that a query makes of both."""

EMBEDDING = 64
"""What the personalisation model takes."""

ENTITY_WIDTH, FRAUD_WIDTH = 16, 64
"""What is stored of a user, card, device or address for fraud; what the fraud model takes."""

POPULAR, GENERATION = "popular", "generation"
POPULAR_ITEMS = 200

FILES = {
    "i:": "items.npy",
    "u:": "users.npy",
    "f:": "payers.npy",
    "c:": "cards.npy",
    "d:": "devices.npy",
    "p:": "ips.npy",
}
"""Below ``.run/3/features``: for each key prefix an array whose row k is the value of ``<prefix>k``."""

POPULAR_FILE = "popular.json"
"""Beside them: the value of ``popular``."""

MANIFEST = "features.json"
"""Beside them: ``generation``, the file's sha256s, and ``as_of``, the moment whose state the features are."""


def item_key(item: int) -> str:
    """Of an item's ranking block."""
    return f"i:{item}"


def user_key(user: int) -> str:
    """Of a user's ranking block and embedding."""
    return f"u:{user}"


def fraud_user_key(user: int) -> str:
    """Of how a user pays."""
    return f"f:{user}"


def card_key(card: int) -> str:
    """Of how a card is used."""
    return f"c:{card}"


def device_key(device: int) -> str:
    """Of how a device is used."""
    return f"d:{device}"


def ip_key(ip: int) -> str:
    """Of how an address is used."""
    return f"p:{ip}"


def decode(value: bytes | None, width: int) -> NDArray[np.float32]:
    """(width,): a stored value; zeros, the unknown, where there is none.

    Raises:
        ValueError: the value is of another width.
    """
    if value is None:
        return np.zeros(width, FLOAT)
    floats: NDArray[np.float32] = np.frombuffer(value, FLOAT)
    if len(floats) != width:
        raise ValueError(f"feature value {len(floats)} floats: expected {width}")
    return floats


def decode_rows(values: list[bytes | None], width: int) -> NDArray[np.float32]:
    """(n, width): several values of one kind, as a batched look-up returns them; zeros where there is none.

    Raises:
        ValueError: the values are of another width.
    """
    missing = bytes(width * FLOAT.itemsize)
    joined = b"".join([value or missing for value in values])
    if len(joined) != len(values) * len(missing):
        raise ValueError(f"feature values {len(joined)} bytes: expected {len(values)} × {len(missing)}")
    return np.frombuffer(joined, FLOAT).reshape(len(values), width)
