"""A host's address is learnt by a thread of its own: DNS that drops packets holds up nobody for long."""

from __future__ import annotations

import threading
import time

import pytest

from recommender.adapters.address import Address, UnknownAddressError, look_up
from recommender.adapters.inventory import Inventory
from recommender.domain.catalogue import Catalogue, Item
from servekit.errors import NotReadyError
from tests.patience import until


class Dns:
    """A look-up that answers, refuses, or hangs until it is let go, as a test says."""

    def __init__(self, answer: str | None = "10.0.0.1") -> None:
        self.answer = answer
        self.asked = 0
        self.hangs = False
        self.go = threading.Event()

    def __call__(self, host: str) -> str:
        self.asked += 1
        if self.hangs:
            self.go.wait(60)
        if self.answer is None:
            raise OSError(f"{host}: unknown")
        return self.answer


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_is_looked_up_once_while_it_is_fresh() -> None:
    dns, clock = Dns(), Clock()
    address = Address("inventory", fresh_s=30, lookup=dns, clock=clock)
    assert [address.current(10) for _ in range(5)] == ["10.0.0.1"] * 5
    clock.now += 29
    assert address.current(10) == "10.0.0.1"
    assert dns.asked == 1


def test_an_old_address_serves_at_once_while_dns_hangs_and_only_one_look_up_runs() -> None:
    dns, clock = Dns(), Clock()
    address = Address("inventory", fresh_s=30, lookup=dns, clock=clock)
    address.current(10)
    dns.hangs, dns.answer = True, "10.0.0.2"
    clock.now += 31
    assert [address.current(60) for _ in range(20)] == ["10.0.0.1"] * 20
    until(lambda: dns.asked == 2, "a second look-up")
    assert [address.current(60) for _ in range(20)] == ["10.0.0.1"] * 20
    assert dns.asked == 2
    dns.go.set()
    until(lambda: address.current(0) == "10.0.0.2", "the new address")


def test_the_first_look_up_is_waited_for_no_longer_than_the_limit() -> None:
    dns = Dns()
    dns.hangs = True
    address = Address("inventory", lookup=dns)
    with pytest.raises(UnknownAddressError, match=r"^inventory: DNS gives no address within 0.01 s$"):
        address.current(0.01)
    dns.go.set()
    until(lambda: answers(address), "the address")


def test_an_address_where_nobody_answers_is_looked_up_anew_and_kept_where_dns_refuses() -> None:
    dns = Dns()
    address = Address("inventory", lookup=dns)
    address.current(10)
    dns.answer = None
    address.doubt()
    assert address.current(10) == "10.0.0.1"
    until(lambda: dns.asked == 2, "a second look-up")
    dns.answer = "10.0.0.2"
    until(lambda: address.current(10) == "10.0.0.2", "the new address")


def test_a_host_that_is_an_address_is_its_own() -> None:
    assert look_up("127.0.0.1") == "127.0.0.1"


def test_requests_do_not_wait_for_dns_that_drops_packets() -> None:
    """All threads of a step ask at once: none is held for longer than the inventory's own limit allows."""
    dns = Dns()
    dns.hangs = True
    catalogue = Catalogue((Item(1, "Film 1", ()),))
    inventory = Inventory("redis://inventory:6379", catalogue, timeout_s=0.05, address=Address("inventory", lookup=dns))
    threads = [threading.Thread(target=refused, args=(inventory,)) for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert time.monotonic() - began < 30
    assert dns.asked == 1
    dns.go.set()


def refused(inventory: Inventory) -> None:
    with pytest.raises(NotReadyError, match=r"^inventory redis://inventory:6379: does not answer"):
        inventory.stock()


def answers(address: Address) -> bool:
    try:
        return address.current(0) == "10.0.0.1"
    except UnknownAddressError:
        return False
