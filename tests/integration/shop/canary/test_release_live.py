"""The canary step of a release on the real level: promoted or rolled back on live traffic, under its own number."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from release.live_canary import canary
from release.step import Place, StepError
from servekit.artefact_folder import CARD
from shop.canary.edge import Edge
from shop.serving.envoy.splits import Split, read_splits
from tests.integration.shop.canary.searching import ROLLOUT
from tests.integration.shop.canary.toy_shop import FAULTS
from workbench.registry.artefact import put

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.shop.canary.searching import Searching
    from tests.integration.shop.canary.toy_shop import ToyShop

pytestmark = pytest.mark.slow


@pytest.fixture
def here(toy_shop: ToyShop, monkeypatch: pytest.MonkeyPatch) -> ToyShop:
    """The toy shop, as commands find it."""
    for name, value in toy_shop.environment.items():
        monkeypatch.setenv(name, value)
    return toy_shop


def place(shop: ToyShop, folder: Path, fault: str, number: int) -> Place:
    """What the step sees: that planted version, registered under another number."""
    planted, registered = shop.addresses.models_dir / "ranking" / str(FAULTS[fault]), folder / "registered"
    put(planted, registered)
    own = folder / "canary"
    own.mkdir(parents=True)
    parameters = SimpleNamespace(model="ranking", canary=ROLLOUT[2:])
    figures = {"register": {"version": number, "folder": str(registered)}}
    return Place(own, parameters, {}, figures, lambda _: None)


def test_a_release_as_good_as_stable_is_promoted_under_its_number(
    here: ToyShop, searching: Searching, tmp_path: Path
) -> None:
    for number in (7, 9, 10):  # a machine that is crowded at 100 % makes a candidate look slow: see `is_promoted`
        folder = tmp_path / str(number)
        verdict = canary(place(here, folder, "as stable", number))
        if verdict.result == "passed":
            break
        assert "100% rolled back: p99" in (folder / "canary" / "canary.log").read_text()
    assert verdict.summary == f"ranking: promoted: version {number} has 100%, version 1 has 0%"
    assert read_splits(here.addresses.canary_state)["ranking"] == Split(str(number), "1", 0)
    again = canary(place(here, tmp_path / "again", "as stable", number))
    assert again.summary == f"version {number} has all traffic already"
    with pytest.raises(StepError, match=f"serves another graph as version {number}"):
        canary(place(here, tmp_path / "other", "slow", number))
    assert searching.versions[str(number).encode()] > 0


def test_a_slow_release_is_rolled_back(here: ToyShop, searching: Searching, tmp_path: Path) -> None:
    verdict = canary(place(here, tmp_path, "slow", 8))
    assert verdict.result == "failed", (tmp_path / "canary" / "canary.log").read_text()
    assert verdict.summary.startswith("ranking: rolled back: ")
    assert Edge(here.addresses.envoy_admin_port).weight("ranking") == 0
    assert read_splits(here.addresses.canary_state)["ranking"].stable == "1"
    assert json.loads((here.addresses.models_dir / "ranking" / "8" / CARD).read_bytes())["name"] == "ranking"
    assert searching.versions[b"8"] > 0
