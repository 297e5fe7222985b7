"""The inference cache between two real gateways: one computation for each answer, whoever asks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from shop.gateway.domain.entry import CachedEntry, dump, load
from tests.integration.shop.gateway.conftest import load_features
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    import redis

    from tests.integration.shop.gateway.conftest import GatewayProcess, Store
    from tests.integration.shop.gateway.fake_models import FakeModels

Pair = tuple["GatewayProcess", "GatewayProcess"]
SEARCH = {"user": 3, "query": {"category": 2}, "candidates": [5, 250, 17, 40], "k": 2}


@pytest.fixture(scope="module")
def pair(start_gateway: Callable[..., GatewayProcess]) -> Pair:
    """Two gateways with one cache, patient enough for a busy machine."""
    settings = {
        "SHOP_CACHE_TTL_S": "300", "SHOP_CACHE_STALE_S": "300", "SHOP_CACHE_WAIT_MS": "8000",
        "SHOP_CACHE_LOCK_MS": "10000", "SHOP_DEADLINE_MS": "10000", "SHOP_TARGET_MS": "10000",
        "SHOP_CACHE_BUDGET_MS": "5000",
    }  # fmt: skip
    return start_gateway(**settings), start_gateway(**settings)


@pytest.fixture(autouse=True)
def _empty(stores: tuple[Store, Store]) -> None:
    with stores[1].client as client:
        client.flushall()


def ask(gateway: GatewayProcess, version: str = "1") -> httpx.Response:
    headers = {"x-model-version": version}
    return gateway.client.post("/v1/recommendations", json={"user": 7, "k": 3}, headers=headers)


def at_once(pair: Pair, count: int = 24) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, [pair[number % 2] for number in range(count)]))


def test_many_at_once_on_two_gateways_are_one_computation(pair: Pair, models: FakeModels) -> None:
    models.delay_s = 0.2
    answers = at_once(pair)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert models.count("personalisation") == 1


def test_an_answer_from_the_cache_is_no_latency_of_the_version_that_computed_it(pair: Pair) -> None:
    def counted(gateway: GatewayProcess) -> tuple[float, float]:
        answered = gateway.metric("serving_requests_total", model="personalisation", version="1", result="answered")
        about = {"model": "personalisation", "version": "1"}
        return answered, gateway.metric("serving_computed_duration_seconds_count", **about)

    before = counted(pair[0])
    for _ in range(3):
        assert ask(pair[0]).status_code == 200
    answered, computed = (after - then for after, then in zip(counted(pair[0]), before, strict=True))
    assert (answered, computed) == (3, 1)


def test_a_stale_answer_is_given_while_one_gateway_renews_it(
    pair: Pair, stores: tuple[Store, Store], models: FakeModels
) -> None:
    ask(pair[0])
    with stores[1].client as client:
        key = until(lambda: client.keys("a:*"), "kept")[0]
        grow_old(client, key)
        models.delay_s = 0.3
        at_once(pair)
        until(lambda: models.count("personalisation") == 2, "renewed once")
        about = {"model": "personalisation", "result": "stale"}
        assert sum(each.metric("serving_cache_requests_total", **about) for each in pair) > 0
        until(lambda: kept(client, key).fresh_until > time.time(), "fresh again")
    at_once(pair)
    assert models.count("personalisation") == 2


def kept(client: redis.Redis, key: bytes) -> CachedEntry:
    value = client.get(key)
    assert isinstance(value, bytes)
    found = load(value)
    assert found is not None
    return found


def grow_old(client: redis.Redis, key: bytes) -> None:
    """Makes an answer as old as one that was fresh until a second ago."""
    client.set(key, dump(CachedEntry(time.time() - 1, kept(client, key).entry)), ex=300)


def test_the_same_search_is_found_whatever_the_order_of_its_candidates(pair: Pair, models: FakeModels) -> None:
    first = pair[0].client.post("/v1/search", json=SEARCH)
    second = pair[1].client.post("/v1/search", json={**SEARCH, "candidates": [40, 17, 250, 5, 5], "k": 1})
    assert models.count("ranking") == 1
    assert second.json()["items"] == first.json()["items"][:1]


@pytest.mark.parametrize(
    "change",
    [{"user": 4}, {"query": {"category": 3}}, {"query": {"category": 2, "price": 9.5}}, {"candidates": [5, 250]}],
)
def test_another_search_is_another_answer(pair: Pair, models: FakeModels, change: dict[str, object]) -> None:
    pair[0].client.post("/v1/search", json=SEARCH)
    pair[0].client.post("/v1/search", json={**SEARCH, **change})
    assert models.count("ranking") == 2


def test_more_items_than_are_kept_are_computed(pair: Pair) -> None:
    candidates = list(range(1, 60))
    few = pair[0].client.post("/v1/search", json={**SEARCH, "candidates": candidates, "k": 10}).json()["items"]
    many = pair[0].client.post("/v1/search", json={**SEARCH, "candidates": candidates, "k": 59}).json()["items"]
    assert (len(few), len(many)) == (10, 59)
    assert many[:10] == few


def test_another_version_never_gets_the_old_ones_answer(pair: Pair, models: FakeModels) -> None:
    for version, top in (("1", 1), ("2", 1001), ("1", 1), ("2", 1001)):
        answer = ask(pair[0], version)
        assert (answer.json()["items"][0]["score"], answer.headers["x-model-version"]) == (top, version)
    assert models.count("personalisation") == 2


def test_newer_features_make_a_newer_answer(pair: Pair, stores: tuple[Store, Store], models: FakeModels) -> None:
    ask(pair[0])
    before = models.count("personalisation")
    load_features(stores[0], "g2")
    try:
        with stores[1].client as client:
            until(lambda: ask(pair[0]).is_success and client.keys("a:g2:*"), "computed anew")
        assert models.count("personalisation") > before
    finally:
        load_features(stores[0], "g1")
        for each in pair:
            until(lambda each=each: asks_under(each, stores[1], "g1"), "back at the first features")  # type: ignore[misc]


def asks_under(gateway: GatewayProcess, cache: Store, generation: str) -> bool:
    """Whether an answer of this gateway is kept as one of these features."""
    with cache.client as client:
        client.flushall()
        return ask(gateway).is_success and bool(client.keys(f"a:{generation}:*"))


def test_payments_are_never_cached(pair: Pair, models: FakeModels) -> None:
    payment = {"payment": "p", "user": 3, "card": 4, "device": 5, "ip": 6, "amount": 5, "category": 2, "hour": 14}
    for _ in range(3):
        assert pair[0].client.post("/v1/payments/score", json=payment).json()["reason"]
    assert models.count("fraud") == 3


def test_a_damaged_entry_is_no_answer(pair: Pair, stores: tuple[Store, Store], models: FakeModels) -> None:
    ask(pair[0])
    with stores[1].client as client:
        (key,) = client.keys("a:*")
        for damaged in (b"", b"\0" * 40, b"\1" + b"\xff" * 20, b"{}"):
            client.set(key, damaged)
            assert len(ask(pair[0]).json()["items"]) == 3
    assert models.count("personalisation") == 5


def test_without_the_cache_every_answer_is_computed_and_none_fails(
    pair: Pair, stores: tuple[Store, Store], models: FakeModels
) -> None:
    ask(pair[0])
    stores[1].kill()
    try:
        answers = [ask(gateway) for gateway in pair for _ in range(5)]
        assert {(answer.status_code, answer.headers.get("x-degraded")) for answer in answers} == {(200, None)}
        assert models.count("personalisation") > 2
        assert pair[1].metric("serving_cache_requests_total", model="personalisation", result="bypass") >= 5
    finally:
        stores[1].start()

    def found_again() -> bool:
        ask(pair[0])
        models.calls.clear()
        return ask(pair[0]).is_success and models.count("personalisation") == 0

    until(found_again, "cached again")
