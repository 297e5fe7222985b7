"""Promotions of level 3 on the real programs: Triton loads the version, the edge turns to it, no request is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shop.artefact import artefact_in
from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from shop.commands import canary
from shop.commands import registry as command
from shop.commands.serving import place, resolve_models
from shop.serving.control import Control
from shop.serving.envoy.splits import Split, read_splits
from tests.artefacts import decisions, new_registry
from tests.integration.shop.canary.searching import ROLLOUT, Searching
from tests.patience import until
from workbench.registry import CHAMPION, PREVIOUS, RegistryError, RegistrySettings, read_models, register
from workbench.registry.artefact import put
from workbench.registry.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.shop.canary.toy_shop import ToyShop

pytestmark = pytest.mark.slow


@pytest.fixture
def registry(
    toy_shop: ToyShop, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RegistrySettings]:
    """Versions 1 and 4 of ranking, registered as 1 and 2; version 1 is served again afterwards."""
    registry = new_registry(tmp_path_factory, tmp_path / "registry")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    monkeypatch.setenv("REGISTRY_ARTEFACTS", str(registry.artefacts))
    for name, value in toy_shop.environment.items():
        if name.startswith("SHOP_"):
            monkeypatch.setenv(name, value)
    models = toy_shop.addresses.models_dir
    register([artefact_in(models / "ranking" / version) for version in ("1", "4")], settings=registry)
    yield registry
    (models / "ranking" / "2" / "note.txt").unlink(missing_ok=True)
    traffic = EdgeSplit(toy_shop.addresses, Edge(toy_shop.addresses.envoy_admin_port), "ranking")
    if traffic.split.stable != "1":
        traffic.nominate("1")
        traffic.shift(100)
        traffic.promote()
    traffic.nominate("2")


def test_a_promotion_and_a_rollback_under_load_lose_no_request(
    toy_shop: ToyShop, registry: RegistrySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    searching = Searching(toy_shop)
    Control(toy_shop.addresses).remove("ranking", 4)  # Triton has to load it
    with searching.replay:
        assert command.main(["promote", "ranking", "2", "--why=it is a test"]) == 0
        assert read_splits(toy_shop.addresses.canary_state)["ranking"] == Split("4", "1", 0)
        until(lambda: searching.versions[b"4"], "an answer of version 4")
        assert command.main(["rollback", "ranking"]) == 0
    assert read_splits(toy_shop.addresses.canary_state)["ranking"] == Split("1", "4", 0)
    assert searching.failed == []
    assert {b"1", b"4"} <= set(searching.versions)
    assert read_models(registry)["ranking"].aliases == {CHAMPION: 1}
    said = capsys.readouterr().out
    assert "ranking: champion 1 -> 2: level 3 serves it as version 4" in said
    assert "ranking: champion 2 -> 1: level 3 serves it as version 1" in said


def test_a_canary_that_is_under_way_keeps_another_version_from_being_promoted(
    toy_shop: ToyShop, registry: RegistrySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    traffic = EdgeSplit(toy_shop.addresses, Edge(toy_shop.addresses.envoy_admin_port), "ranking")
    traffic.nominate("3")
    traffic.shift(10)
    try:
        assert command.main(["promote", "ranking", "2"]) == 1
    finally:
        traffic.shift(0)
    assert "candidate 3 of ranking: has 10%, expected 0: end its canary" in capsys.readouterr().err
    assert read_models(registry)["ranking"].aliases[CHAMPION] == 1


def test_an_automatic_canary_promotes_by_moving_the_alias(
    toy_shop: ToyShop, registry: RegistrySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    as_stable = artefact_in(toy_shop.addresses.models_dir / "ranking" / "2")
    (as_stable.path / "note.txt").write_text("told apart from version 1, whose graph it has")
    (number,) = register([as_stable], settings=registry)
    searching = Searching(toy_shop)
    with searching.replay:
        for _ in range(3):  # as in test_canary_live: a crowded machine makes a candidate look slow
            if canary.main([*ROLLOUT, "--candidate", "2"], toy_shop.addresses) == 0:
                break
    assert read_splits(toy_shop.addresses.canary_state)["ranking"] == Split("2", "1", 0)
    aliases = read_models(registry)["ranking"].aliases
    assert (aliases[CHAMPION], aliases[PREVIOUS]) == (number, 1)
    assert f"ranking: champion 1 -> {number}: level 3 serves it as version 2" in capsys.readouterr().out
    assert ": proven by canary " in decisions(registry)[-1]


def test_a_start_makes_the_champion_stable_and_finds_bytes_that_training_overwrote(
    toy_shop: ToyShop, registry: RegistrySettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "run" / "models"
    put(toy_shop.addresses.models_dir, models)
    addresses = toy_shop.addresses.model_copy(update={"run_dir": tmp_path / "run"})
    resolve_models(addresses, registry, print)
    assert not addresses.canary_state.exists()  # the champion is stable already
    open_store(registry).point("ranking", CHAMPION, 2)
    resolve_models(addresses, registry, print)
    assert read_splits(addresses.canary_state)["ranking"] == Split("4", "1", 0)
    put(models / "ranking" / "3", models / "ranking" / "4")  # another training
    resolve_models(addresses, registry, print)
    assert read_splits(addresses.canary_state)["ranking"] == Split("5", "4", 0)
    champion = read_models(registry)["ranking"].version(2)
    assert place(champion, models) == 5
    (champion.folder / "model.onnx").write_bytes(b"other")
    put(models / "ranking" / "3", models / "ranking" / "5")
    with pytest.raises(RegistryError, match="the file is damaged or was replaced"):
        resolve_models(addresses, registry, print)
    away = RegistrySettings(tracking_uri=f"sqlite:///{models / 'ranking' / '1' / 'model.json'}")
    resolve_models(addresses, away, print)
    assert "ranking: serves the versions that" in capsys.readouterr().out
