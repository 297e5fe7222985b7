"""Each level's training registers its versions when they are whole; a registry that is away loses none of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.tiny_shop import trained_once
from workbench.registry import CHALLENGER, CHAMPION, RegistrySettings, read_models

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(registry: RegistrySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RegistrySettings:
    """The registry, as commands find it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    monkeypatch.setenv("REGISTRY_ARTEFACTS", str(registry.artefacts))
    monkeypatch.setenv("IRIS_MODEL_DIR", str(tmp_path / "iris"))
    return registry


def test_level_1_registers_its_model_and_another_one_as_challenger(
    here: RegistrySettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from iris_api.commands import train  # noqa: PLC0415 - scikit-learn is for those who ask for it

    train.main([])
    train.main(["--c", "0.1"])
    said = capsys.readouterr().out
    assert "registry       iris 1: champion" in said
    model = read_models(here)["iris"]
    assert model.aliases == {CHAMPION: 1, CHALLENGER: 2}
    assert [json.loads(each.tags["parameters"])["c"] for each in model.versions.values()] == [1.0, 0.1]
    assert model.version(2).sha256 == json.loads((tmp_path / "iris" / "model.json").read_bytes())["sha256"]
    assert f"sha256         {model.version(2).sha256}" in said
    assert {path.name for path in model.version(2).folder.iterdir()} == {
        "drift.json", "golden.json", "model.json", "model.onnx"
    }  # fmt: skip


@pytest.mark.slow
def test_a_registry_that_is_away_leaves_the_trained_model_and_says_so(
    here: RegistrySettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from iris_api.adapters.artefact import read_artefact  # noqa: PLC0415 - likewise
    from iris_api.commands import registry as command  # noqa: PLC0415
    from iris_api.commands import train  # noqa: PLC0415

    assert here.database
    here.database.write_bytes(b"no database, and longer than its header would be" * 100)
    train.main([])
    assert "the artefacts are whole: make register-N when it answers" in capsys.readouterr().out
    assert read_artefact(tmp_path / "iris")[1].name == "iris"
    here.database.unlink()
    assert command.main(["register"]) == 0
    assert read_models(here)["iris"].aliases == {CHAMPION: 1}


def test_level_3_registers_the_three_models_that_it_trained(
    here: RegistrySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from shop.commands import train  # noqa: PLC0415 - LightGBM likewise

    trained = trained_once(tmp_path_factory)
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    (tmp_path / "models").symlink_to(trained / "models")
    monkeypatch.setattr(train, "train", lambda *_, **__: None)  # it was, by this very function
    assert train.main() == 0
    models = read_models(here)
    assert {name: each.aliases for name, each in models.items()} == {
        name: {CHAMPION: 1} for name in ("fraud", "personalisation", "ranking")
    }
    assert json.loads(models["ranking"].version(1).tags["parameters"])["hidden"] == [512, 256]
