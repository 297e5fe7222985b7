from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shop.world.people import DAY
from shop.world.record import RecordError, read_record, write_record
from shop.world.settings import WorldSettings
from shop.world.simulation import World, simulate
from tests.tiny_shop import TINY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(TINY)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(world: World, tmp_path: Path) -> None:
    again, other = simulate(TINY), simulate(TINY.model_copy(update={"seed": 8}))
    digests = []
    for name, each in (("world", world), ("again", again), ("other", other)):
        write_record(each.record, tmp_path / name)
        digests.append({path.name: sha256(path.read_bytes()).hexdigest() for path in (tmp_path / name).iterdir()})
    assert digests[0] == digests[1]
    assert len(digests[0]) == 6
    assert all(digests[0][name] != digests[2][name] for name in digests[0])


def test_a_record_is_read_as_it_was_written(world: World, tmp_path: Path) -> None:
    write_record(world.record, tmp_path)
    record = read_record(tmp_path)
    assert (record.users, record.end) == (TINY.users, TINY.days * DAY)
    for part in ("items", "views", "searches", "reviews", "payments"):
        for name, column in vars(getattr(world.record, part)).items():
            np.testing.assert_array_equal(getattr(getattr(record, part), name), column, f"{part}.{name}")


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"nowhere: not the record of a world: .*: run make train-3$"):
        read_record(tmp_path / "nowhere")


def test_as_much_happens_as_was_asked_for(world: World) -> None:
    assert world.events == pytest.approx(TINY.events, rel=0.1)
    assert WorldSettings().events == 1_000_000


def test_everything_happens_in_order_within_the_days(world: World) -> None:
    for each in (world.views.time, world.searches.time, world.payments.time):
        assert (np.diff(each) >= 0).all()
        assert each.min() >= 0
    assert world.views.time.max() < world.end
    assert world.searches.time.max() < world.end


def test_nobody_comes_across_an_item_before_it_is_sold(world: World) -> None:
    launched = world.catalogue.launched * DAY
    assert (launched > 0).any()
    assert (launched[world.views.item] <= world.views.time).all()
    assert (launched[world.searches.item] <= world.searches.time[world.searches.row]).all()


def test_few_items_get_most_of_the_views(world: World) -> None:
    views = np.sort(np.bincount(world.views.item, minlength=TINY.items))[::-1]
    assert views[: TINY.items // 10].sum() > 0.35 * views.sum()


def test_a_page_shows_an_item_once(world: World) -> None:
    pairs = world.searches.row * TINY.items + world.searches.item
    assert len(np.unique(pairs)) == len(pairs)


def test_what_is_higher_on_a_shuffled_page_is_clicked_more(world: World) -> None:
    searches = world.searches
    shuffled = searches.explored[searches.row]
    rates = [searches.clicked[shuffled & (searches.position // 5 == part)].mean() for part in (0, 4)]
    assert rates[0] > 2 * rates[1]


def test_what_is_bought_was_clicked_and_then_paid(world: World) -> None:
    assert not (world.searches.bought & ~world.searches.clicked).any()
    purchases = int(world.views.bought.sum() + world.searches.bought.sum())
    assert int((~world.payments.fraud).sum()) == purchases


def test_thieves_share_devices_that_people_do_not(world: World) -> None:
    payments = world.payments
    users = [
        max(len(np.unique(payments.user[payments.device == device])) for device in np.unique(payments.device[mask]))
        for mask in (payments.fraud, ~payments.fraud)
    ]
    assert payments.fraud.mean() == pytest.approx(0.03, abs=0.01)
    assert users[0] >= 3


def test_people_come_back_at_their_own_hour(world: World) -> None:
    hour = (world.views.time % DAY) / 3600
    off = np.abs(hour - world.people.peak[world.views.user])
    assert (np.minimum(off, 24 - off) < 5).mean() > 0.9
