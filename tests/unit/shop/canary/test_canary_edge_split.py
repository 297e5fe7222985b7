from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shop.addresses import Addresses
from shop.canary.edge_split import EdgeSplit
from shop.canary.errors import CanaryError
from shop.endpoints import SPLIT_PATHS
from shop.serving.envoy.routes import VERSION_HEADER, routes_file, write_routes
from shop.serving.envoy.settings import EdgeSettings
from shop.serving.envoy.splits import Split, read_splits, write_splits

if TYPE_CHECKING:
    from pathlib import Path


class FakeEdge:
    """An edge that takes its routes from the file at once, as Envoy does within milliseconds."""

    def __init__(self, addresses: Addresses) -> None:
        self._file = routes_file(addresses)
        self.weight = 0
        self.met: list[set[str]] = []

    def versions(self, model: str) -> tuple[str, str]:
        routes = json.loads(self._file.read_text())["resources"][0]["virtual_hosts"][0]["routes"]
        found = [route for route in routes if route["match"].get("path") == SPLIT_PATHS[model]]
        canary, plain = (
            next(
                each["header"]["value"]
                for each in route["request_headers_to_add"]
                if each["header"]["key"] == VERSION_HEADER
            )
            for route in found
        )
        self.met.append({canary} if self.weight == 100 else {plain} if not self.weight else {plain, canary})
        return plain, canary

    def shift(self, model: str, weight: int) -> None:
        self.weight = weight
        self.versions(model)


@pytest.fixture
def addresses(tmp_path: Path) -> Addresses:
    addresses = Addresses(run_dir=tmp_path)
    write_routes(addresses, EdgeSettings(timeout_s=7))
    return addresses


def test_during_a_promotion_no_request_meets_the_old_version(addresses: Addresses) -> None:
    edge = FakeEdge(addresses)
    traffic = EdgeSplit(addresses, edge, "ranking")  # type: ignore[arg-type]
    traffic.shift(100)
    edge.met.clear()
    traffic.promote()
    assert set().union(*edge.met) == {"2"}
    assert (edge.versions("ranking"), edge.weight) == (("2", "1"), 0)
    assert read_splits(addresses.canary_state)["ranking"] == Split("2", "1", 0)


def test_only_the_models_own_routes_change_and_only_their_versions(addresses: Addresses) -> None:
    before = routes_file(addresses).read_text()
    edge = FakeEdge(addresses)
    EdgeSplit(addresses, edge, "ranking").nominate("3")  # type: ignore[arg-type]
    assert edge.versions("ranking") == ("1", "3")
    assert edge.versions("fraud") == ("1", "2")
    assert before.count('"7.0s"') == routes_file(addresses).read_text().count('"7.0s"') > 0


def test_a_candidate_with_traffic_is_not_replaced(addresses: Addresses) -> None:
    write_splits(addresses.canary_state, {"ranking": Split("1", "2", 5)})
    traffic = EdgeSplit(addresses, FakeEdge(addresses), "ranking")  # type: ignore[arg-type]
    with pytest.raises(CanaryError, match="candidate 2 of ranking: has 5%, expected 0 before another"):
        traffic.nominate("3")


def test_a_state_that_is_none_is_named(addresses: Addresses) -> None:
    addresses.canary_state.write_text("{")
    with pytest.raises(CanaryError, match=r"canary\.json: "):
        EdgeSplit(addresses, FakeEdge(addresses), "ranking")  # type: ignore[arg-type]


def test_a_version_of_the_assistant_is_a_cluster_of_its_own(addresses: Addresses) -> None:
    with_it = addresses.model_copy(update={"extras": "assistant"})
    write_routes(with_it, EdgeSettings())
    traffic = EdgeSplit(with_it, FakeEdge(with_it), "assistant")  # type: ignore[arg-type]
    assert "assistant" not in read_splits(with_it.canary_state)
    traffic.shift(100)
    traffic.promote()
    assert read_splits(with_it.canary_state)["assistant"] == Split("2", "1", 0)
    routes = json.loads(routes_file(with_it).read_text())["resources"][0]["virtual_hosts"][0]["routes"]
    chat = [route["route"]["cluster"] for route in routes if route["match"].get("path") == SPLIT_PATHS["assistant"]]
    assert chat == ["assistant", "assistant-2"]
