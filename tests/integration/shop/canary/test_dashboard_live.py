"""Level 3's dashboard and rules on a real Prometheus that scrapes all of the level's processes, under load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.shop.canary.toy_shop import USERS
from tests.patience import until
from tests.prometheus_process import ask, busy, queries, scraping, wait_for_data, wait_for_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tests.integration.shop.canary.toy_shop import ToyShop

pytestmark = pytest.mark.slow

REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/search": {"user": 17, "query": {"category": 3}, "candidates": list(range(50)), "k": 5},
    "/v1/payments/score": {
        "payment": "p-1", "user": 17, "card": 3, "device": 5, "ip": 8, "amount": 25.0, "category": 3, "hour": 14,
    },
    "/v1/recommendations": {"user": 17, "k": 5},
}  # fmt: skip
_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def prometheus(
    toy_shop: ToyShop, tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]
) -> Iterator[str]:
    """The URL of a Prometheus that scrapes gateways, Triton and Envoy; requests come in all the time."""
    at = toy_shop.addresses
    targets = {
        "gateway": [f"127.0.0.1:{at.gateway_port + number}" for number in range(at.gateways)],
        "triton": [f"127.0.0.1:{at.triton_metrics_port}"],
        "envoy": [f"127.0.0.1:{at.envoy_admin_port}"],
    }

    def send(client: httpx.Client, number: int) -> None:
        for path, body in REQUESTS.items():  # each user twice: a miss, then a hit
            client.post(path, json=body | {"user": number // 2 % USERS})

    folder = tmp_path_factory.mktemp("prometheus")
    with busy(f"http://127.0.0.1:{at.port}", send), scraping(folder, free_ports(1)[0], targets) as url:
        yield url


def test_every_query_of_the_dashboard_returns_data_from_the_running_level(prometheus: str) -> None:
    for title, expr in queries("level-3"):
        wait_for_data(prometheus, title, expr)


def test_the_panels_tell_models_apart_and_the_edge_from_the_gateways(prometheus: str) -> None:
    exprs = dict(queries("level-3"))
    models = {"ranking", "fraud", "personalisation"}
    for title in ("Requests by version A", "p50 and p99 A", "Median score A", "In the queue A", "Computing A"):
        wait_for_labels(prometheus, exprs[title], "model", models, others=True)
    wait_for_labels(prometheus, exprs["Requests by endpoint A"], "endpoint", set(REQUESTS), others=True)
    wait_for_labels(prometheus, exprs["Steps, mean A"], "step", {"lookup", "infer"}, others=True)


def test_every_target_is_up_and_the_level_promises_50_ms(prometheus: str) -> None:
    up = 'up{job=~"gateway|triton|envoy"}'
    until(lambda: [series["value"][1] for series in ask(prometheus, up)] == ["1"] * 4, up)
    (promise,) = wait_for_data(prometheus, "promise", 'level:serving_latency:objective_seconds{level="3"}')
    assert promise["value"][1] == "0.05"
