from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from tests.integration.shop.canary.searching import RPS, Searching
from tests.integration.shop.canary.toy_shop import ToyShop, make_run_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="package")
def toy_shop(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[ToyShop]:
    """All of the level's processes, on models made by hand; whoever breaks something mends it."""
    run_dir = tmp_path_factory.mktemp("toy-shop")
    make_run_dir(run_dir)
    # a deadline that a slow version still keeps: it is to be found by its p99, not by its fallbacks
    limits = {"SHOP_TARGET_MS": "1000", "SHOP_EDGE_SLOW_MS": "800", "SHOP_EDGE_TIMEOUT_S": "60"}
    limits |= {"SHOP_EDGE_CONCURRENCY": "64"}  # a planted slow version holds many at once
    # and that the store keeps, too, on a machine that stalls
    settings = {"SHOP_DEADLINE_MS": "4000", "SHOP_LOOKUP_SHARE": "0.9", **limits}
    with ToyShop.on(run_dir, free_ports, **settings).running() as shop:
        yield shop


@pytest.fixture
def searching(toy_shop: ToyShop) -> Iterator[Searching]:
    """Traffic for the length of a test, none of which may fail; version 1 has all of it before and afterwards."""
    searching = Searching(toy_shop)
    with searching.replay:
        yield searching
        traffic = EdgeSplit(toy_shop.addresses, Edge(toy_shop.addresses.envoy_admin_port), "ranking")
        if traffic.split.stable != "1":
            traffic.nominate("1")
            traffic.shift(100)
            traffic.promote()
        traffic.shift(0)
    assert len(searching.replay.answers) > RPS
    assert searching.failed == []
