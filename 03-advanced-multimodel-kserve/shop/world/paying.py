"""People pay; so do thieves, in rings and alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from shop.world.catalogue import CATEGORIES, RESALE
from shop.world.chance import happens
from shop.world.people import DAY, HOUR
from shop.world.wallets import PaymentMeans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.world.catalogue import Catalogue
    from shop.world.people import People
    from shop.world.wallets import Wallets

__all__ = ["FRAUD_SHARE", "Payments", "Purchases", "pay"]

FRAUD_SHARE = 0.03
"""Of all payments: ten times what a shop would bear, so that 150,000 payments have enough of them to learn from."""

_IN_RINGS = 0.65  # share of the frauds
_TAKEN_OVER = 0.7  # share of the rest; the others buy with their own things and deny it
_TRIED = 0.2  # share of a ring's payments that only try a card
_TWO, _THREE = 0.12, 0.04  # share of purchases of more than one piece
_RING = 14  # payments of a ring, on average


@dataclass(frozen=True)
class Purchases:
    """Who bought what, and when."""

    time: NDArray[np.int64]
    user: NDArray[np.int64]
    item: NDArray[np.int64]


@dataclass(frozen=True)
class Payments:
    """Payments in the order of time; ``fraud`` is what the chargeback will say, weeks later."""

    time: NDArray[np.int64]
    user: NDArray[np.int64]
    card: NDArray[np.int64]
    device: NDArray[np.int64]
    ip: NDArray[np.int64]
    amount: NDArray[np.float64]
    category: NDArray[np.int64]
    fraud: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def hour(self) -> NDArray[np.int64]:
        """The hour of the day of each payment, 0 to 23."""
        return (self.time % DAY) // HOUR

    def where(self, mask: NDArray[np.bool_]) -> Payments:
        """The payments that the mask selects."""
        return Payments(**{each.name: getattr(self, each.name)[mask] for each in fields(self)})


def pay(
    rng: np.random.Generator,
    catalogue: Catalogue,
    wallets: Wallets,
    people: People,
    purchases: Purchases,
) -> Payments:
    """A payment for each purchase, and the thieves' among them."""
    honest = _honest(rng, catalogue, wallets, purchases)
    frauds = int(len(honest) * FRAUD_SHARE / (1 - FRAUD_SHARE))
    ringed = int(frauds * _IN_RINGS)
    days = len(people.day_reach)
    parts = [
        honest,
        _rings(rng, catalogue, wallets, days, ringed),
        _alone(rng, catalogue, wallets, people, frauds - ringed),
    ]
    columns = {each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Payments)}
    order = np.argsort(columns["time"], kind="stable")
    return Payments(**{name: column[order] for name, column in columns.items()})


def _honest(rng: np.random.Generator, catalogue: Catalogue, wallets: Wallets, purchases: Purchases) -> Payments:
    item, count = purchases.item, len(purchases.item)
    pieces = 1 + happens(rng, _TWO, count) + happens(rng, _THREE, count)
    later = purchases.time + rng.integers(30, 600, count)
    means = wallets.usual(rng, purchases.user, later)
    basket = catalogue.category[item], (catalogue.price[item] * pieces).round(2)
    return _payments(later, purchases.user, means, basket, fraud=False)


def _rings(rng: np.random.Generator, catalogue: Catalogue, wallets: Wallets, days: int, count: int) -> Payments:
    """Rings: stolen cards tried in bursts, on a few devices and proxies, through accounts that they share."""
    rings = max(1, count // _RING)
    ring = np.sort(rng.integers(0, rings, count))
    start, lasts = rng.uniform(0, days * DAY, rings), rng.exponential(20 * HOUR, rings) + HOUR
    time = (start[ring] + lasts[ring] * rng.random(count) ** 2).astype(np.int64)
    devices, addresses = rng.integers(1, 5, rings), rng.integers(1, 4, rings)
    accounts, cards = rng.integers(2, 9, rings), rng.integers(3, 13, rings)
    users = len(wallets.household)
    user = rng.integers(0, users, (rings, 8))[ring, rng.integers(0, accounts[ring])]
    card = 3 * rng.integers(0, users, (rings, 12))[ring, rng.integers(0, cards[ring])]
    device = wallets.devices + 4 * ring + rng.integers(0, devices[ring])
    ip = rng.choice(np.concatenate([wallets.proxies, wallets.carriers]), (rings, 3))[
        ring, rng.integers(0, addresses[ring])
    ]
    category, amount = _loot(rng, catalogue, count)
    tried = happens(rng, _TRIED, count)  # a small sum first, to see whether the card works
    amount = np.where(tried, rng.uniform(1, 4, count).round(2), amount)
    return _payments(
        np.minimum(time, days * DAY - 1), user, PaymentMeans(card, device, ip), (category, amount), fraud=True
    )


def _alone(rng: np.random.Generator, catalogue: Catalogue, wallets: Wallets, people: People, count: int) -> Payments:
    """Lone frauds: an account taken over from a new device, or a buyer who denies having bought."""
    user, time = people.visits(rng, count)
    usual = wallets.usual(rng, user, time)
    taken = happens(rng, _TAKEN_OVER, count)
    shifted = np.where(taken, rng.integers(0, len(people.day_reach) * DAY, count), time)
    device = np.where(taken, wallets.devices + 4 * (10**6) + np.arange(count), usual.device)
    away = rng.choice(np.concatenate([wallets.proxies, wallets.carriers]), count)
    ip = np.where(taken, away, usual.ip)
    loot = _loot(rng, catalogue, count)
    return _payments(shifted, user, PaymentMeans(usual.card, device, ip), loot, fraud=True)


def _loot(rng: np.random.Generator, catalogue: Catalogue, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What thieves buy: what sells on, and the dearer of it."""
    category = rng.choice(len(CATEGORIES), count, p=(RESALE + 0.12) / (RESALE + 0.12).sum())
    item = catalogue.draw(rng, category)
    amount = catalogue.price[item] * np.exp(rng.normal(0.3, 0.3, count))
    return category, amount.round(2)


def _payments(
    time: NDArray[np.int64],
    user: NDArray[np.int64],
    means: PaymentMeans,
    basket: tuple[NDArray[np.int64], NDArray[np.float64]],
    *,
    fraud: bool,
) -> Payments:
    """``basket``: category and amount of each."""
    category, amount = basket
    return Payments(
        time, user, means.card, means.device, means.ip, np.maximum(amount, 0.5), category, np.full(len(time), fraud)
    )
