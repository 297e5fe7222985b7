from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shop.features.ranking import ITEM, STYLE, USER
from shop.models.ranking.interest import Interest, propensities
from shop.models.ranking.snapshot import snapshot
from shop.world.browsing import Views
from shop.world.people import DAY
from shop.world.simulation import simulate
from tests.tiny_shop import TINY

if TYPE_CHECKING:
    from shop.world.record import Record

MOMENT = 40 * DAY


@pytest.fixture(scope="module")
def record() -> Record:
    return simulate(TINY).record


def test_what_happens_later_changes_no_bit_of_what_was_known(record: Record) -> None:
    views = record.views
    early = views.time < MOMENT
    shorter = replace(record, views=Views(*(column[early] for column in vars(views).values())))
    known, then = snapshot(record, MOMENT), snapshot(shorter, MOMENT)
    assert known.items.tobytes() == then.items.tobytes()
    assert known.users.tobytes() == then.users.tobytes()


def test_items_not_yet_sold_and_people_not_yet_seen_are_zeros(record: Record) -> None:
    known = snapshot(record, MOMENT)
    future = record.items.launched * DAY >= MOMENT
    assert future.any()
    assert not known.items[future].any()
    assert (known.items[~future, ITEM["known"]] == 1).all()
    seen = np.bincount(Interest.until(record, MOMENT).user, minlength=TINY.users) > 0
    assert not known.users[~seen].any()
    assert (known.users[seen, USER["known"]] == 1).all()


def test_a_taste_is_the_mean_style_of_what_was_looked_at(record: Record) -> None:
    interest = Interest.until(record, MOMENT)
    user = int(np.bincount(interest.user).argmax())
    looked = interest.user == user
    weights = 1 + 2 * interest.bought[looked]
    taste = np.average(record.items.style[interest.item[looked]], axis=0, weights=weights)
    np.testing.assert_allclose(snapshot(record, MOMENT).users[user, 8 : 8 + STYLE], taste, rtol=1e-4, atol=1e-5)


def test_counts_are_those_of_the_record(record: Record) -> None:
    known = snapshot(record, MOMENT)
    sold = record.items.launched * DAY < MOMENT
    interest = Interest.until(record, MOMENT)
    views = np.bincount(interest.item, minlength=TINY.items)
    np.testing.assert_allclose(known.items[sold, ITEM["views"]], np.log1p(views)[sold], rtol=1e-5)
    clicked = record.searches.clicked & (record.searches.time[record.searches.row] < MOMENT)
    assert interest.clicks.sum() == clicked.sum()


def test_lower_positions_are_known_to_be_looked_at_less(record: Record) -> None:
    looked = propensities(record, len(record.searches))
    assert looked[0] == 1
    assert (np.diff(looked) <= 0).all()
    assert looked[-1] < 0.5
