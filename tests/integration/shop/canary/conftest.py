from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.shop.canary.toy_shop import ToyShop, make_run_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="package")
def toy_shop(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[ToyShop]:
    """All of the level's processes, on models made by hand; whoever breaks something mends it."""
    run_dir = tmp_path_factory.mktemp("toy-shop")
    make_run_dir(run_dir)
    # a deadline that a slow version still keeps: it is to be found by its p99, not by its fallbacks
    limits = {"SHOP_TARGET_MS": "1000", "SHOP_EDGE_SLOW_MS": "800", "SHOP_EDGE_TIMEOUT_S": "5"}
    limits |= {"SHOP_EDGE_CONCURRENCY": "64"}  # a planted slow version holds many at once
    settings = {"SHOP_DEADLINE_MS": "1500", **limits}
    with ToyShop.on(run_dir, free_ports, **settings).running() as shop:
        yield shop
