"""The whole world from its settings: seeded, so the same settings give the same world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from shop.world.browsing import Views, browse
from shop.world.catalogue import Catalogue, make_catalogue
from shop.world.chance import happens, stream
from shop.world.paying import Payments, Purchases, pay
from shop.world.people import DAY, People, make_people
from shop.world.record import Items, Record, Reviews
from shop.world.searching import Searches, search
from shop.world.wallets import Wallets, make_wallets

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.world.settings import WorldSettings

__all__ = ["World", "simulate"]

# Shares of the events; clicks, purchases and payments follow from them and are the rest.
_VIEWS, _SEARCHES = 0.54, 0.09
_REVIEWED = 0.3  # share of the purchases


@dataclass(frozen=True)
class World:
    """All there is to know of the shop; the models see its record alone, never what people would like."""

    settings: WorldSettings
    catalogue: Catalogue
    people: People
    wallets: Wallets
    views: Views
    searches: Searches
    reviews: Reviews
    payments: Payments

    @property
    def record(self) -> Record:
        """What the shop has written down of it."""
        known = Items(*(getattr(self.catalogue, name) for name in ("category", "price", "style", "launched")))
        return Record(known, self.views, self.searches, self.reviews, self.payments, len(self.people), self.end)

    @property
    def end(self) -> int:
        """The second after the last event."""
        return self.settings.days * DAY

    @property
    def events(self) -> int:
        """How many views, searches, clicks, purchases and payments there are."""
        searches = self.searches
        purchases = self.views.bought.sum() + searches.bought.sum()
        return int(len(self.views) + len(searches) + searches.clicked.sum() + purchases + len(self.payments))


def simulate(settings: WorldSettings, say: Callable[[str], None] = lambda _: None) -> World:
    """Makes the world; ``say`` hears what is being made."""
    seed, days = settings.seed, settings.days
    catalogue = make_catalogue(stream(seed, "catalogue"), settings.items, days)
    people = make_people(stream(seed, "people"), settings.users, days)
    wallets = make_wallets(stream(seed, "wallets"), settings.users, days)
    say("views")
    views = browse(stream(seed, "views"), catalogue, people, int(settings.events * _VIEWS))
    say("searches")
    searches = search(stream(seed, "searches"), catalogue, people, int(settings.events * _SEARCHES))
    say("payments")
    purchases = _purchases(views, searches)
    payments = pay(stream(seed, "payments"), catalogue, wallets, people, purchases)
    payments = replace(payments, device=np.unique(payments.device, return_inverse=True)[1])
    reviews = _review(stream(seed, "reviews"), catalogue, purchases)
    return World(settings, catalogue, people, wallets, views, searches, reviews, payments)


def _review(rng: np.random.Generator, catalogue: Catalogue, purchases: Purchases) -> Reviews:
    """Some buyers give stars, days later."""
    time, item = purchases.time, purchases.item
    (reviewed,) = np.nonzero(happens(rng, _REVIEWED, len(time)))
    stars = np.clip(np.rint(3.8 + 0.7 * catalogue.quality[item[reviewed]] + rng.normal(0, 0.7, len(reviewed))), 1, 5)
    later = time[reviewed] + rng.integers(2 * DAY, 8 * DAY, len(reviewed))
    order = np.argsort(later, kind="stable")
    return Reviews(later[order], item[reviewed][order], stars[order].astype(np.int64))


def _purchases(views: Views, searches: Searches) -> Purchases:
    row = searches.row[searches.bought]
    return Purchases(
        np.concatenate([views.time[views.bought], searches.time[row]]),
        np.concatenate([views.user[views.bought], searches.user[row]]),
        np.concatenate([views.item[views.bought], searches.item[searches.bought]]),
    )
