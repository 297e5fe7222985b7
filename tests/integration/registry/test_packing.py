"""``make image-N`` packs the champion with the bytes that were registered; where there is none, it says so."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from servekit.artefact_folder import MODEL
from tests.artefacts import new_artefact
from workbench.registry import RegistryError, RegistrySettings, pack, promote, read_models, register

if TYPE_CHECKING:
    from pathlib import Path

    from servekit.artefact_folder import ArtefactFolder

SHOP = ("ranking", "fraud", "personalisation")


@pytest.fixture
def trained(tmp_path: Path, registry: RegistrySettings) -> ArtefactFolder:
    """Two versions are registered, the first is the champion, the second was trained last."""
    folder = tmp_path / ".run/1/models/iris/1"
    register([new_artefact(folder, b"first")], settings=registry)
    artefact = new_artefact(folder, b"second")
    register([artefact], settings=registry)
    return artefact


@pytest.mark.slow
def test_the_champion_is_packed_and_not_what_was_trained_last(
    trained: ArtefactFolder, registry: RegistrySettings, tmp_path: Path
) -> None:
    said: list[str] = []
    pack("iris", trained, tmp_path / "packed", registry, said.append)
    assert (tmp_path / "packed" / MODEL).read_bytes() == b"first"
    promote("iris", 2, "newer", settings=registry)
    pack("iris", trained, tmp_path / "packed", registry, said.append)
    assert (tmp_path / "packed" / MODEL).read_bytes() == b"second"
    assert said == [
        "models:/iris@champion: packs iris 1, sha256 a7937b64b8ca…, as it was registered",
        "models:/iris@champion: packs iris 2, sha256 16367aacb67a…, as it was registered",
    ]


def test_without_a_registry_what_was_trained_last_is_packed_and_one_sentence_says_why(
    trained: ArtefactFolder, tmp_path: Path
) -> None:
    said: list[str] = []
    damaged = tmp_path / "damaged.db"
    damaged.write_text("no database")
    for settings in (
        RegistrySettings(tracking_uri="off"),
        RegistrySettings(tracking_uri=f"sqlite:///{damaged}"),
        RegistrySettings(tracking_uri=f"sqlite:///{tmp_path / 'none.db'}"),
    ):
        pack("iris", trained, tmp_path / "packed", settings, said.append)
        assert (tmp_path / "packed" / MODEL).read_bytes() == b"second"
    packs = f"iris: packs {trained.path}, as it was trained last, sha256 16367aacb67a…: "
    assert [line.startswith(packs) for line in said] == [True] * 3
    assert [line.removeprefix(packs).partition(":")[0] for line in said] == [
        "the registry is off",
        f"registry {damaged}",
        "it has no champion in the registry",
    ]


def test_other_bytes_than_were_registered_are_not_packed(
    trained: ArtefactFolder, registry: RegistrySettings, tmp_path: Path
) -> None:
    new_artefact(tmp_path / "packed", b"before")
    new_artefact(read_models(registry)["iris"].version(1).folder, b"replaced")
    with pytest.raises(RegistryError, match=r"^artefact of iris 1 .*: the files were replaced: promote another"):
        pack("iris", trained, tmp_path / "packed", registry, print)
    assert (tmp_path / "packed" / MODEL).read_bytes() == b"before"


@pytest.fixture
def registered(tmp_path: Path, registry: RegistrySettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every level's models, each trained anew after its first version had been registered."""
    for name in ("IRIS_MODEL_DIR", "RECOMMENDER_MODELS_DIR", "SHOP_RUN_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    monkeypatch.setenv("REGISTRY_ARTEFACTS", str(registry.artefacts))
    monkeypatch.chdir(tmp_path)
    folders = {".run/1/models/iris/1": "iris", ".run/2/models/recommender/1": "recommender"}
    folders |= {f".run/3/models/{model}/1": model for model in SHOP}
    for graph in (b"first", b"second"):
        found = [new_artefact(tmp_path / folder, graph, name) for folder, name in folders.items()]
        if graph == b"first":
            register(found, settings=registry)
    new_artefact(tmp_path / ".run/2/models/recommender/2", b"other", "recommender")
    return tmp_path / ".run"


@pytest.mark.parametrize(
    ("package", "packed"),
    [
        ("iris_api", {"1/packed/iris/1": b"first"}),
        ("recommender", {"2/packed/recommender/1": b"first", "2/packed/recommender/2": b"other"}),
        ("shop", {f"3/models/{model}/{n}": graph for model in SHOP for n, graph in ((1, b"second"), (2, b"first"))}),
    ],
)
def test_each_level_packs_its_champions_where_its_images_take_them_from(
    registered: Path, package: str, packed: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert importlib.import_module(f"{package}.commands.pack").main() == 0
    assert {folder: (registered / folder / MODEL).read_bytes() for folder in packed} == packed
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" 1, sha256 a7937b64b8ca…, as ")[1] != "" for line in lines] == [True] * len(lines)
