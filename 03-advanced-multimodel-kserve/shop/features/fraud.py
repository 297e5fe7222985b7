"""What the fraud model sees. One function builds it, in training and in the gateway: there is no second to differ.

=========  ====================================================================================================
columns    holds
=========  ====================================================================================================
0 – 15     the payment, and how it fits what is usual for its user, card, device and address
16 – 27    the user: the first 12 of its 16 stored floats (ENTITY); the other 4 only serve to compare
28 – 39    the card
40 – 51    the device
52 – 63    the address
=========  ====================================================================================================

Scaling is not done here: it is folded into the first layer of the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.features.store import FRAUD_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENTITY", "RESALE", "Payment", "build", "build_many"]

ENTITY = {
    name: position
    for position, name in enumerate(
        [
            *["known", "payments", "last_hour", "last_day", "amount_last_day", "mean_amount", "users", "others"],
            *["component", "chargebacks", "age", "idle"],
            *["spread", "hour_cos", "hour_sin", "category"],
        ]
    )
}
"""Columns of a stored entity; all amounts, counts and times are logarithms of 1 + x, the times in hours.

``users``: different users (of a user: cards). ``others``: different cards (of a card or user: devices).
``component``: users tied to this one through shared cards and devices. ``chargebacks``: those known by then.
``spread``: of the logarithm of amounts. ``hour_cos, hour_sin``: when it usually pays. ``category``: what for.
"""

RESALE = np.array([0, 0.2, 0, 0.1, 1, 0.3, 0, 0.8, 0.1, 0, 0.4, 0, 0.9, 0, 0.2, 0], np.float32)
"""For each category of the shop, how easily its goods are sold on."""

_SHARED = 12  # of an entity's floats, as many go to the model
_HOURS = np.float32(2 * np.pi / 24)


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the fraud model knows it.

    Attributes:
        amount: above 0.
        category: of the shop, from 0 to len(RESALE) - 1.
        hour: of the day, from 0 to 23.
    """

    amount: float
    category: int
    hour: int


def build(
    payment: Payment,
    user: NDArray[np.float32],
    card: NDArray[np.float32],
    device: NDArray[np.float32],
    ip: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(FRAUD_WIDTH,): the features of one payment.

    Args:
        payment: what is being paid.
        user: (ENTITY_WIDTH,): how this user pays; zeros for one never seen, as in those that follow.
        card: how the card is used.
        device: how the device is used.
        ip: how the address is used.
    """
    amounts = np.array([payment.amount], np.float32)
    categories, hours = np.array([payment.category]), np.array([payment.hour])
    features: NDArray[np.float32] = build_many(
        amounts, categories, hours, [entity.reshape(1, -1) for entity in (user, card, device, ip)]
    )[0]
    return features


def build_many(
    amounts: NDArray[np.float32],
    categories: NDArray[np.integer],
    hours: NDArray[np.integer],
    entities: list[NDArray[np.float32]],
) -> NDArray[np.float32]:
    """(n, FRAUD_WIDTH): the features of n payments; ``entities`` are user, card, device, ip, each (n, ENTITY_WIDTH)."""
    features = np.zeros((len(amounts), FRAUD_WIDTH), np.float32)
    for position, entity in enumerate(entities, 1):
        start = 4 + _SHARED * position
        features[:, start : start + _SHARED] = entity[:, :_SHARED]
    _fit(amounts, categories, hours, entities, features)
    return features


def _fit(
    amounts: NDArray[np.float32],
    categories: NDArray[np.integer],
    hours: NDArray[np.integer],
    entities: list[NDArray[np.float32]],
    features: NDArray[np.float32],
) -> None:
    """Fills in the payment's own columns."""
    user, card, device, _ = entities
    amount, resale = np.log1p(amounts), RESALE[categories]
    angle = hours.astype(np.float32) * _HOURS
    cos, sin = np.cos(angle), np.sin(angle)
    features[:, 0] = amount
    features[:, 1], features[:, 2] = cos, sin
    features[:, 3] = resale
    features[:, 4] = resale * amount
    for column, entity in enumerate(entities, 5):
        features[:, column] = _surprise(amount, entity)
    for column, entity in enumerate((user, card), 9):
        features[:, column] = cos * entity[:, ENTITY["hour_cos"]] + sin * entity[:, ENTITY["hour_sin"]]
    features[:, 11] = (user[:, ENTITY["category"]] == categories) * user[:, ENTITY["known"]]
    features[:, 12] = sum(entity[:, ENTITY["known"]] for entity in entities)
    features[:, 13] = np.maximum.reduce([entity[:, ENTITY["last_hour"]] for entity in entities])
    features[:, 14] = device[:, ENTITY["users"]] + card[:, ENTITY["users"]]
    features[:, 15] = np.maximum.reduce([entity[:, ENTITY["chargebacks"]] for entity in entities])


def _surprise(amount: NDArray[np.float32], entity: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far an amount is from the usual one, in spreads; 0 where nothing is usual yet."""
    far = (amount - entity[:, ENTITY["mean_amount"]]) / (entity[:, ENTITY["spread"]] + np.float32(0.5))
    surprise: NDArray[np.float32] = far * entity[:, ENTITY["known"]]
    return surprise
