"""What people pay with: their cards, their devices, and the addresses they pay from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.world.chance import happens
from shop.world.people import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PaymentMeans", "Wallets", "make_wallets"]

_ALONE = 0.55  # share of the users who share their household's device with nobody
_RENEWED = 0.3  # share of the users who get a new card, and of those who get a new device, within the days
_SECOND, _SECOND_USED = 0.35, 0.25  # share of the users with a second card and device; how often they take it
_FOUNDS, _SHARED_USED = 0.45, 0.12  # share of the rest who begin a household; how often its device is taken
_AWAY, _HIDDEN = 0.2, 0.02  # share of honest payments from a mobile network, and through a proxy
_PER_CARRIER = 250  # users behind one address of a mobile network
_PER_PROXY = 400  # users for each address of a proxy that anyone can rent


@dataclass(frozen=True)
class PaymentMeans:
    """What each of n payments is made with."""

    card: NDArray[np.int64]
    device: NDArray[np.int64]
    ip: NDArray[np.int64]


@dataclass(frozen=True)
class Wallets:
    """Who has what. Card, device and address ids are small integers; each kind has its own.

    Attributes:
        household: of each user.
        second: users who have a second card and device.
        renewed_card: second of the world in which the card is replaced; after its end for most.
        renewed_device: likewise.
        proxies: (n,): addresses that anyone can rent, thieves above all.
        carriers: (n,): addresses of mobile networks.
        devices: ids given so far; thieves' devices follow.
    """

    household: NDArray[np.int64]
    second: NDArray[np.bool_]
    renewed_card: NDArray[np.float64]
    renewed_device: NDArray[np.float64]
    proxies: NDArray[np.int64]
    carriers: NDArray[np.int64]

    @property
    def cards(self) -> int:
        """Card ids there are: three for each user, not all in use."""
        return 3 * len(self.household)

    @property
    def devices(self) -> int:
        """Device ids in people's hands; those of thieves follow."""
        return 3 * len(self.household) + int(self.household.max()) + 1

    def usual(self, rng: np.random.Generator, users: NDArray[np.int64], time: NDArray[np.int64]) -> PaymentMeans:
        """What honest users pay with: mostly the same, now and then the family's tablet or a train's network."""
        count = len(users)
        other = self.second[users] & happens(rng, _SECOND_USED, count)
        card = 3 * users + np.where(other, 1, np.where(time > self.renewed_card[users], 2, 0))
        device = 3 * users + np.where(other, 1, np.where(time > self.renewed_device[users], 2, 0))
        home = self.household[users]
        device = np.where(happens(rng, _SHARED_USED, count), 3 * len(self.household) + home, device)
        away, hidden = happens(rng, _AWAY, count), happens(rng, _HIDDEN, count)
        ip = np.where(away, rng.choice(self.carriers, count), home)
        return PaymentMeans(card, device, np.where(hidden, rng.choice(self.proxies, count), ip))


def make_wallets(rng: np.random.Generator, users: int, days: int) -> Wallets:
    """Wallets for so many users; the ids of addresses begin with the households'."""
    alone = happens(rng, _ALONE, users)
    household = np.cumsum(alone | happens(rng, _FOUNDS, users)) - 1
    household -= household.min()
    homes = int(household.max()) + 1
    proxies, carriers = users // _PER_PROXY + 3, users // _PER_CARRIER + 3
    never = 2.0 * days * DAY
    return Wallets(
        household=rng.permutation(household),
        second=happens(rng, _SECOND, users),
        renewed_card=np.where(happens(rng, _RENEWED, users), rng.uniform(0, days * DAY, users), never),
        renewed_device=np.where(happens(rng, _RENEWED, users), rng.uniform(0, days * DAY, users), never),
        proxies=homes + np.arange(proxies),
        carriers=homes + proxies + np.arange(carriers),
    )
