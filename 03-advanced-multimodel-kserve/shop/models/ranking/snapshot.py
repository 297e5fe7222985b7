"""The ranking blocks of every item and user as of a moment: nothing that happened later is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shop.features.ranking import CATEGORIES, ITEM, LATENT, STYLE, USER
from shop.features.store import FLOAT, ITEM_WIDTH, USER_WIDTH
from shop.models.ranking.interest import Interest
from shop.world.people import DAY, HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.world.record import Record

__all__ = ["Snapshot", "snapshot"]

_RECENT = 7 * DAY
_PRIOR = 20.0  # what a rate begins with, in examined results
_STARS = 3.0  # what a rating begins with, in reviews


@dataclass(frozen=True)
class Snapshot:
    """Blocks as the feature store holds them.

    Attributes:
        items: (items, ITEM_WIDTH); zeros for an item not yet on sale.
        users: (users, USER_WIDTH); zeros for a user not yet seen.
    """

    items: NDArray[np.float32]
    users: NDArray[np.float32]


def snapshot(record: Record, moment: int) -> Snapshot:
    """What was known at ``moment``, in seconds."""
    interest = Interest.until(record, moment)
    item_latent, user_latent = interest.latent(LATENT)
    tier = _tiers(record)
    facts = _facts(record, interest, tier, moment)
    users = _users(record, interest, tier, facts, moment)
    one_hot = np.eye(CATEGORIES)[record.items.category]
    audience = _audience(interest, users)
    items = np.concatenate([facts, one_hot, record.items.style, item_latent, audience], axis=1)
    items[record.items.launched * DAY >= moment] = 0
    taste = interest.mean_of_items(record.items.style)
    people = np.concatenate([users, taste, user_latent], axis=1)
    people[interest.per_user == 0] = 0
    if items.shape[1] != ITEM_WIDTH or people.shape[1] != USER_WIDTH or taste.shape[1] != STYLE:
        raise AssertionError(f"blocks {items.shape}, {people.shape}: expected widths {ITEM_WIDTH}, {USER_WIDTH}")
    return Snapshot(items.astype(FLOAT), people.astype(FLOAT))


def _tiers(record: Record) -> NDArray[np.float64]:
    """Each item's logarithm of price, against its category's mean."""
    price, category = np.log(record.items.price), record.items.category
    count = np.maximum(np.bincount(category, minlength=CATEGORIES), 1)
    mean = np.bincount(category, weights=price, minlength=CATEGORIES) / count
    tiers: NDArray[np.float64] = price - mean[category]
    return tiers


def _facts(record: Record, interest: Interest, tier: NDArray[np.float64], moment: int) -> NDArray[np.float64]:
    """(items, 16): columns ``ITEM``."""
    items = len(record.items)
    reviews, stars = _stars(record, moment)
    recent = np.bincount(interest.item[interest.time >= moment - _RECENT], minlength=items)
    days = np.maximum(moment / DAY - record.items.launched, 0)
    watched = np.minimum(days, moment / DAY)
    views = np.bincount(interest.item, minlength=items)
    examined, clicks = interest.examined, interest.clicks
    columns = {
        "known": np.ones(items),
        "price": np.log(record.items.price),
        "tier": tier,
        "rating": stars,
        "reviews": np.log1p(reviews),
        "views": np.log1p(views),
        "clicks": np.log1p(clicks),
        "purchases": np.log1p(interest.purchases),
        "click_rate": np.log((clicks + _PRIOR * interest.click_rate) / (examined + _PRIOR)),
        "conversion": np.log((interest.purchases + 0.15 * _PRIOR) / (views + _PRIOR)),
        "age": np.log1p(days),
        "recent_views": np.log1p(recent),
        "trend": np.log1p(recent / 7) - np.log1p(views / np.maximum(watched, 1)),
        "popularity": _percentile(views, record.items.category),
        "tier_rank": _percentile(tier, record.items.category),
        "quality": stars - 3.8,
    }
    return np.stack([columns[name] for name in ITEM], axis=1)


def _stars(record: Record, moment: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Number of reviews of each item, and their mean drawn towards the mean of all."""
    items = len(record.items)
    until = int(np.searchsorted(record.reviews.time, moment))
    item, stars = record.reviews.item[:until], record.reviews.stars[:until]
    count = np.bincount(item, minlength=items).astype(np.float64)
    mean = float(stars.mean()) if until else 3.8
    total = np.bincount(item, weights=stars, minlength=items)
    return count, (total + _STARS * mean) / (count + _STARS)


def _percentile(values: NDArray[np.floating] | NDArray[np.integer], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each value's place within its group, from 0 to 1."""
    order = np.lexsort((values, group))
    size = np.bincount(group, minlength=CATEGORIES)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    place = np.empty(len(values))
    place[order] = (np.arange(len(values)) - first[group[order]]) / np.maximum(size[group[order]] - 1, 1)
    return place


def _users(
    record: Record, interest: Interest, tier: NDArray[np.float64], facts: NDArray[np.float64], moment: int
) -> NDArray[np.float64]:
    """(users, 8): columns ``USER``."""
    mean_tier, mean_square, quality = interest.mean_of_items(
        np.stack([tier, tier * tier, facts[:, ITEM["quality"]]], axis=1)
    ).T
    bought = np.bincount(interest.user, weights=interest.bought, minlength=record.users)
    last = np.zeros(record.users)
    last[interest.user] = interest.time  # in the order of time: the last one stays
    columns = {
        "known": np.ones(record.users),
        "activity": np.log1p(interest.per_user),
        "tier": mean_tier,
        "tier_spread": np.sqrt(np.maximum(mean_square - mean_tier**2, 0)),
        "click_rate": interest.user_click_rate,
        "purchase_share": (bought + 1) / (interest.per_user + 8),
        "quality": quality,
        "recency": np.log1p((moment - last) / HOUR),
    }
    return np.stack([columns[name] for name in USER], axis=1)


def _audience(interest: Interest, users: NDArray[np.float64]) -> NDArray[np.float64]:
    """(items, 8): who looks at an item, and when."""
    tier = users[:, USER["tier"]]
    habits = np.stack(
        [tier, tier * tier, users[:, USER["quality"]], users[:, USER["activity"]], users[:, USER["purchase_share"]]],
        axis=1,
    )
    mean = interest.mean_of_users(habits)
    spread = np.sqrt(np.maximum(mean[:, 1] - mean[:, 0] ** 2, 0))
    hour, day = (interest.time % DAY) // HOUR, (interest.time // DAY) % 7
    when = np.stack([(hour >= 18) | (hour < 6), day >= 5, interest.bought], axis=1)  # noqa: PLR2004 - evening, weekend
    return np.concatenate([mean[:, :1], spread[:, None], mean[:, 2:], interest.mean_by_item(when)], axis=1)
