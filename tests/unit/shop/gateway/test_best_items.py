"""The policy of the list endpoints, with a computation that is told what to do: the cache, the model, the fallbacks."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from servekit.telemetry import RequestRecord
from shop.gateway.adapters.feature_lookup import FeatureLookup
from shop.gateway.adapters.inference import ModelCalls, ModelPools
from shop.gateway.adapters.metrics import GatewayMetrics
from shop.gateway.adapters.model_monitor import ModelMonitor
from shop.gateway.adapters.valkey import Valkey
from shop.gateway.domain.entry import Entry, entry_of
from shop.gateway.domain.errors import UnavailableError
from shop.gateway.domain.fallback import LastGood, Popular
from shop.gateway.domain.versions import Versions
from shop.gateway.service.best_items import best_items
from shop.gateway.service.collaborators import Collaborators
from shop.gateway.service.request import Incoming, Outgoing
from shop.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.gateway.adapters.cache import InferenceCache


class Ranking:
    """Three items by version 2, or why there are none."""

    model, key, count = "ranking", b"what was asked", 2

    def __init__(self, unavailable: str = "") -> None:
        self.unavailable = unavailable

    async def compute(self, deadline: float) -> Entry:
        assert deadline > monotonic()
        if self.unavailable:
            raise UnavailableError(self.unavailable, "as the test wants it")
        return entry_of([7, 5, 9], [0.5, 0.25, 0.125], "2")

    def popular(self) -> bytes:
        return b'{"id":1,"score":null}'


class Cache:
    """Notes what it is asked for, and computes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []

    async def answer(self, model: str, key: bytes, compute: Callable[[float], Awaitable[Entry]], until: float) -> Entry:
        self.asked.append((model, key))
        return await compute(until)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def collaborators(registry: CollectorRegistry, cache: Cache) -> Collaborators:
    """The real ones, connected to nothing, behind a cache that only notes."""
    settings, versions = GatewaySettings(), Versions({"1", "2"})
    found = Collaborators(
        settings,
        FeatureLookup(Valkey("127.0.0.1", 1), 0),
        ModelCalls(ModelPools("127.0.0.1", 1, {}), versions, versioned=True),
        cast("InferenceCache", cache),
        LastGood(2),
        Popular(),
        GatewayMetrics(versions, registry),
        ModelMonitor({}),
    )
    found.lookup.generation = "0123456789abcdef-and-more"
    return found


def incoming(version: str = "1") -> Incoming:
    return Incoming(b"", RequestRecord(None, 0.0), monotonic() + 10, version)


def items(answer: Outgoing) -> list[int]:
    return [item["id"] for item in msgspec.json.decode(answer.body)["items"]]


async def test_the_answer_has_the_first_items_and_the_version_that_computed_them(collaborators: Collaborators) -> None:
    request = incoming()
    answer = await best_items(collaborators, request, Ranking())
    assert items(answer) == [7, 5]
    assert (answer.version, answer.degraded, request.record.version) == ("2", "", "2")


async def test_the_cache_is_asked_by_generation_model_version_and_key(
    collaborators: Collaborators, cache: Cache
) -> None:
    await best_items(collaborators, incoming("1"), Ranking())
    await best_items(collaborators, incoming("2"), Ranking())
    assert cache.asked == [
        ("ranking", b"0123456789abcdef:ranking:1:what was asked"),
        ("ranking", b"0123456789abcdef:ranking:2:what was asked"),
    ]


async def test_without_a_generation_of_features_the_cache_is_not_asked(
    collaborators: Collaborators, cache: Cache, registry: CollectorRegistry
) -> None:
    collaborators.lookup.generation = ""
    assert items(await best_items(collaborators, incoming(), Ranking())) == [7, 5]
    assert cache.asked == []
    bypassed = {"model": "ranking", "result": "bypass"}
    assert registry.get_sample_value("serving_cache_requests_total", bypassed) == 1


async def test_what_the_model_cannot_answer_gets_the_last_good_answer(
    collaborators: Collaborators, registry: CollectorRegistry
) -> None:
    await best_items(collaborators, incoming(), Ranking())
    answer = await best_items(collaborators, incoming(), Ranking("deadline"))
    assert items(answer) == [7, 5]
    assert (answer.version, answer.degraded) == ("1", "deadline")
    degraded = {"model": "ranking", "version": "1", "reason": "deadline"}
    assert registry.get_sample_value("serving_degraded_total", degraded) == 1


async def test_without_a_good_answer_before_it_gets_what_is_popular(collaborators: Collaborators) -> None:
    request = incoming()
    answer = await best_items(collaborators, request, Ranking("model_unavailable"))
    assert (items(answer), answer.degraded) == ([1], "model_unavailable")
    assert [step for step, _ in request.record.marks] == ["fallback"]


async def test_an_answer_that_nothing_computed_took_its_time_in_the_cache(collaborators: Collaborators) -> None:
    request = incoming()
    await best_items(collaborators, request, Ranking())
    assert [step for step, _ in request.record.marks] == ["cache"]
