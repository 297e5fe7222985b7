"""A key's rate holds over all gateways: counted in a real Valkey, and by each gateway while that is away."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeAlias

import pytest

from servekit.errors import ShedError
from shop.gateway.adapters.rates import LEASE_S, KeyRates
from shop.gateway.adapters.valkey import Valkey
from tests.integration.shop.gateway.conftest import Store
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from pathlib import Path
    from typing import Any

    from tests.integration.shop.gateway.conftest import GatewayProcess

NEVER = 0.001  # a second token takes longer than any test


class Fleet:
    """Gateways' counts of the same keys, each with a connection of its own."""

    def __init__(self, port: int, gateways: int, rate: float, burst: float, patience_s: float = 10) -> None:
        self.misses = 0
        self.links = [Valkey("127.0.0.1", port) for _ in range(gateways)]
        self.rates = [KeyRates(link, rate, burst, patience_s, self._missed) for link in self.links]

    def _missed(self) -> None:
        self.misses += 1

    async def let_in(self, requests: int, name: str = "web") -> int:
        """How many of so many requests at once to each gateway were let in."""
        return sum(await asyncio.gather(*(has(each.take(name)) for each in self.rates for _ in range(requests))))


async def has(taken: Awaitable[None]) -> bool:
    try:
        await taken
    except ShedError:
        return False
    return True


@pytest.fixture
def store(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Store]:
    (port,) = free_ports(1)
    store = Store(port, tmp_path / "cache", "8mb")
    store.start()
    yield store
    store.kill()


Check: TypeAlias = "Callable[[Fleet], Coroutine[Any, Any, None]]"


def run(store: Store, check: Check, gateways: int = 2, rate: float = NEVER, **of_each: float) -> None:
    """Runs a check of a fleet, and closes its connections."""

    async def main() -> None:
        fleet = Fleet(store.port, gateways, rate, **of_each)
        try:
            await check(fleet)
        finally:
            for link in fleet.links:
                link.close()
            await asyncio.sleep(0)

    asyncio.run(main())


class Clock:
    """A gateway's clock, which a test moves: how long the test itself takes changes nothing."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("rates", "valkey"):
        monkeypatch.setattr(f"shop.gateway.adapters.{module}.monotonic", clock)
    return clock


@pytest.mark.usefixtures("clock")
def test_a_burst_is_shared_by_all_gateways(store: Store) -> None:
    async def check(fleet: Fleet) -> None:
        assert sum([await fleet.let_in(3) for _ in range(10)]) == 20
        assert await fleet.let_in(1, "app") == 2, "each key has a rate of its own"
        assert fleet.misses == 0

    run(store, check, burst=20)


@pytest.mark.usefixtures("clock")
def test_no_token_is_given_twice_however_many_ask_at_once(store: Store) -> None:
    async def check(fleet: Fleet) -> None:
        assert await fleet.let_in(40) == 100
        assert fleet.misses == 0

    run(store, check, gateways=8, burst=100)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("rate", "burst"), [(0.003, 3), (0.007, 50), (1e-6, 5), (1 / 3, 1)])
def test_a_full_bucket_holds_the_burst_whatever_the_rate(store: Store, rate: float, burst: int) -> None:
    async def check(fleet: Fleet) -> None:
        assert [await fleet.let_in(1) for _ in range(burst)] == [1] * burst
        assert fleet.misses == 0

    run(store, check, gateways=1, rate=rate, burst=burst)


def test_tokens_come_back_at_the_rate_and_a_full_bucket_is_forgotten(store: Store) -> None:
    async def check(fleet: Fleet) -> None:
        began = time.monotonic()
        got = 0
        while got < 30:
            got += await fleet.let_in(1)
            await asyncio.sleep(0.001)
        assert time.monotonic() - began >= (30 - 5) / 100 - 0.01, "faster than the rate"

    run(store, check, rate=100, burst=5)
    with store.client as client:
        until(lambda: client.dbsize() == 0)


@pytest.mark.usefixtures("clock")
def test_a_busy_key_is_counted_by_the_handful_and_a_refused_one_asks_seldom(store: Store) -> None:
    async def check(fleet: Fleet) -> None:
        assert sum([await fleet.let_in(1) for _ in range(1000)]) == 500
        with store.client as client:
            assert client.info("commandstats")["cmdstat_eval"]["calls"] < 20

    run(store, check, gateways=1, burst=500)


def test_a_key_that_asks_seldom_leaves_no_token_unused(store: Store, clock: Clock) -> None:
    async def check(fleet: Fleet) -> None:
        let = 0
        for _ in range(15):
            let += await fleet.let_in(1)
            clock.now += 1
        assert let == 20

    run(store, check, burst=20)


def test_fetched_tokens_are_not_kept_for_later(store: Store, clock: Clock) -> None:
    async def check(fleet: Fleet) -> None:
        assert sum([await fleet.let_in(1) for _ in range(50)]) == 50
        clock.now += 2 * LEASE_S
        assert 0 < sum([await fleet.let_in(1) for _ in range(100)]) < 50

    run(store, check, gateways=1, burst=100)


def test_while_valkey_is_away_each_gateway_counts_by_itself(store: Store, clock: Clock) -> None:
    async def check(fleet: Fleet) -> None:
        store.kill()
        assert [await fleet.let_in(3) for _ in range(3)] == [6, 4, 0]
        assert fleet.misses == 2, "asked once by each"
        store.start()
        clock.now += 1.5
        assert await fleet.let_in(5) == 5, "and together again as soon as it is back"
        assert fleet.misses == 2

    run(store, check, burst=5)


def test_a_valkey_that_hangs_costs_a_gateway_one_wait(store: Store, clock: Clock) -> None:
    assert clock
    with store.client as client:
        client.execute_command("CLIENT PAUSE", 60_000, "ALL")

    async def check(fleet: Fleet) -> None:
        assert [await fleet.let_in(3) for _ in range(3)] == [6, 4, 0]
        assert fleet.misses == 2

    run(store, check, burst=5, patience_s=0.02)


@pytest.mark.slow
def test_two_gateways_let_a_key_send_what_one_may(start_gateway: Callable[..., GatewayProcess]) -> None:
    settings = {"SHOP_API_KEYS": "both:s3cret", "SHOP_KEY_RATE": "0.001", "SHOP_KEY_BURST": "6", "SHOP_CACHE": "false"}
    pair = [start_gateway(**settings) for _ in range(2)]
    answers = [
        gateway.client.post("/v1/recommendations", json={"user": 7, "k": 3}, headers={"x-api-key": "s3cret"})
        for _ in range(6)
        for gateway in pair
    ]
    statuses = [answer.status_code for answer in answers]
    # fewer where this machine paused: what a gateway fetched and did not use within LEASE_S is lost
    assert 1 <= statuses.count(200) <= 6
    assert statuses.count(429) == len(answers) - statuses.count(200)
    assert sum(gateway.metric("serving_shed_total", reason="rate") for gateway in pair) == statuses.count(429)
