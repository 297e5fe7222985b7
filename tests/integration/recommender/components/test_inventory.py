"""The inventory, on a real Valkey (or Redis) that goes away and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import redis

from recommender.adapters.inventory import KEY, Inventory
from recommender.domain.catalogue import Catalogue, Item
from servekit.errors import InvalidValueError, NotReadyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.integration.recommender.components.conftest import Server

FILMS = Catalogue(tuple(Item(number, f"Film {number}", ()) for number in (1, 2, 5, 9, 1682)))


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inventory(valkey: Server, clock: Clock) -> Inventory:
    return Inventory(valkey.url, FILMS, timeout_s=10, clock=clock)


def test_everything_is_in_stock_until_somebody_says_otherwise(inventory: Inventory) -> None:
    stock = inventory.stock()
    assert not stock.out.any()
    assert stock.tag == "fresh"
    assert inventory.out() == []


def test_a_change_shows_at_once_and_to_everybody(inventory: Inventory, valkey: Server) -> None:
    other = Inventory(valkey.url, FILMS, timeout_s=10)
    other.stock()
    inventory.set_out([2, 1682], out=True)
    assert other.stock().out.tolist() == [False, True, False, False, True]
    inventory.set_out([2], out=False)
    assert other.stock().out.tolist() == [False, False, False, False, True]
    assert other.out() == [1682]


def test_an_unknown_item_is_refused_and_nothing_is_changed(inventory: Inventory) -> None:
    with pytest.raises(InvalidValueError, match=r"^item 3: unknown: expected an item of the catalogue$"):
        inventory.set_out([2, 3], out=True)
    assert inventory.out() == []


def test_bits_of_items_that_are_not_in_the_catalogue_do_not_matter(inventory: Inventory, valkey: Server) -> None:
    with redis.Redis(port=valkey.port) as client:
        client.setbit(KEY, 100_000, 1)
        client.setbit(KEY, 9, 1)
    assert inventory.out() == [9]


def test_while_the_inventory_is_away_the_last_snapshot_serves_and_is_marked_stale(
    inventory: Inventory, valkey: Server, clock: Clock
) -> None:
    inventory.set_out([5], out=True)
    inventory.stock()
    valkey.stop()
    clock.now += 59
    stock = inventory.stock()
    np.testing.assert_array_equal(stock.out, [False, False, True, False, False])
    assert (stock.tag, stock.age_s) == ("stale", 59)


def test_after_a_minute_without_the_inventory_nothing_is_served(
    inventory: Inventory, valkey: Server, clock: Clock
) -> None:
    inventory.stock()
    valkey.stop()
    clock.now += 60.5
    with pytest.raises(
        NotReadyError, match=rf"^inventory {valkey.url}: does not answer, and no snapshot is younger than"
    ):
        inventory.stock()


def test_without_any_snapshot_nothing_is_served(valkey: Server) -> None:
    valkey.stop()
    with pytest.raises(NotReadyError) as refused:
        Inventory(valkey.url, FILMS).stock()
    assert refused.value.status == 503


def test_once_the_inventory_is_back_it_remembers_and_answers_are_fresh_again(
    inventory: Inventory, valkey: Server, clock: Clock
) -> None:
    inventory.set_out([9], out=True)
    inventory.stock()
    valkey.stop()
    clock.now += 10
    assert inventory.stock().tag == "stale"
    valkey.start()
    assert inventory.stock().tag == "stale"  # it is not asked again within a quarter of a second
    clock.now += 1
    stock = inventory.stock()
    assert stock.tag == "fresh"
    assert stock.out.tolist() == [False, False, False, True, False]


class Counted(Inventory):
    """Counts how often the server is asked."""

    asked = 0

    def _ask(self) -> NDArray[np.bool_]:
        self.asked += 1
        return super()._ask()


def test_an_inventory_that_hangs_delays_one_request_in_a_quarter_second_and_not_for_long(
    valkey: Server, clock: Clock
) -> None:
    inventory = Counted(valkey.url, FILMS, timeout_s=0.5, clock=clock)
    inventory.stock()
    with redis.Redis(port=valkey.port) as client:
        client.client_pause(600_000)
    clock.now += 1
    assert [inventory.stock().tag for _ in range(20)] == ["stale"] * 20
    assert inventory.asked == 2
    clock.now += 0.3
    assert inventory.stock().tag == "stale"
    assert inventory.asked == 3


def test_changing_the_stock_says_that_the_inventory_is_away(inventory: Inventory, valkey: Server) -> None:
    valkey.stop()
    with pytest.raises(NotReadyError, match=rf"^inventory {valkey.url}: .*: start it with make up-2$"):
        inventory.set_out([1], out=True)
    with pytest.raises(NotReadyError, match="start it with make up-2"):
        inventory.out()
