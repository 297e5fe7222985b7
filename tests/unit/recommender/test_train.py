"""The command behind make train-2, on the small club; and what it leaves, read back."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommender.adapters.artefact import Artefact, ArtefactError
from recommender.adapters.onnx_model import OnnxModel
from recommender.commands import train
from recommender.domain.request import RecommendationRequest
from recommender.service.preparation import Preparation
from recommender.settings import RecommenderSettings
from tests.artefacts import new_registry
from tests.external_onnx import external_model
from workbench.registry import CHALLENGER, CHAMPION, read_models
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def run(movielens: Path, folder: Path) -> int:
    return train.main(RecommenderSettings(models_dir=folder, movielens_dir=movielens))


@pytest.fixture
def artefact(movielens: Path, tmp_path: Path) -> Artefact:
    assert run(movielens, tmp_path / "models") == 0
    return Artefact(tmp_path / "models" / "1")


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_served_user_gets_the_scores_that_numpy_gives(artefact: Artefact, version: str) -> None:
    served = Artefact(artefact.folder.parent / version)
    preparation = Preparation(served.normalisation(), served.histories(), served.catalogue())
    model = OnnxModel(served)
    golden = json.loads((served.folder / "golden.json").read_text())
    assert golden["version"] == version == served.card().version
    assert len(golden["users"]) == 60
    for user, best in golden["users"].items():
        scores = model.scores(preparation.prepare(RecommendationRequest(user=int(user))).features)[0]
        at = [served.catalogue().position[item] for item in best["ids"]]
        np.testing.assert_allclose(scores[at], best["scores"], atol=1e-4)


def test_two_runs_write_the_same_bytes(artefact: Artefact, movielens: Path, tmp_path: Path) -> None:
    run(movielens, tmp_path / "again")
    for version in ("1", "2"):
        one, two = (Artefact(folder / version).card() for folder in (artefact.folder.parent, tmp_path / "again"))
        assert (one.sha256, one.files) == (two.sha256, two.files)


def test_the_card_says_how_good_the_model_is_beside_popularity(
    movielens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(movielens, tmp_path)
    card = Artefact(tmp_path / "1").card()
    assert card.algorithm == "ease"
    assert card.metrics["ndcg_at_10"] > card.metrics["popularity"]["ndcg_at_10"]
    said = capsys.readouterr().out
    assert re.search(rf"^1 ease +{card.metrics['ndcg_at_10']:.3f} ± 0\.\d{{3}} ", said, re.MULTILINE)
    assert re.search(r"^of +\d+ users +NDCG@10", said, re.MULTILINE)


def test_the_card_tells_people_apart_by_how_much_is_known_of_them(artefact: Artefact) -> None:
    metrics = artefact.card().metrics
    slices = metrics["slices"]["ratings"]
    assert set(slices) <= {"50 ratings and more", "fewer than 50 ratings"}
    people = sum(each["rows"] for each in slices.values())
    mean = sum(each["rows"] * each["ndcg_at_10"] for each in slices.values()) / people
    assert mean == pytest.approx(metrics["ndcg_at_10"], abs=1e-3)
    assert set(metrics["margins"]) == {"ndcg_at_10", "recall_at_20"}


def test_without_data_training_says_why_and_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nothing", tmp_path / "models") == 1
    assert "set MOVIELENS_DIR to a folder with" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.onnx", "preprocess.json", "histories.safetensors", "items.json"])
def test_a_damaged_file_is_not_served(artefact: Artefact, name: str) -> None:
    path = artefact.folder / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtefactError, match=rf"{name} sha256 \w+…: expected .*: run make train-2$"):
        _read_all(artefact)


@pytest.mark.parametrize("name", ["model.json", "model.onnx", "items.json", "histories.safetensors"])
def test_a_link_out_of_the_folder_is_not_served(artefact: Artefact, name: str) -> None:
    outside = (artefact.folder / name).rename(artefact.folder.parent / name)
    (artefact.folder / name).symlink_to(outside)
    with pytest.raises(ArtefactError, match=rf"/{name}: a link to {outside}, outside the artefact: run make train-2$"):
        _read_all(artefact)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "weights.bin"])
def test_a_graph_with_weights_in_another_file_is_not_served(artefact: Artefact, location: str) -> None:
    graph = external_model(location)
    (artefact.folder / "model.onnx").write_bytes(graph)
    card = json.loads((artefact.folder / "model.json").read_bytes()) | {"sha256": hashlib.sha256(graph).hexdigest()}
    (artefact.folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(ArtefactError, match=r"model\.onnx: takes weights from other files, whose sha256 no card has"):
        OnnxModel(artefact)


def test_a_model_that_must_be_signed_is_served_only_so(
    movielens: Path, tmp_path: Path, model_keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOMMENDER_SIGN_WITH", str(model_keys[0]))
    assert run(movielens, tmp_path / "models") == 0
    artefact = Artefact(tmp_path / "models" / "1")
    monkeypatch.setenv("RECOMMENDER_SIGNED_BY", str(model_keys[1]))
    _read_all(artefact)
    loads = "import sys; from recommender.adapters import artefact as a; from pathlib import Path; "
    loads += "print(a.Artefact(Path(sys.argv[1])).card().version)"  # where the steps run, with the library they have
    command = [str(ROOT / ".venvs/seldon/bin/python"), "-c", loads, str(artefact.folder)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"
    card = artefact.folder / "model.json"
    card.write_text(card.read_text().replace('"version": "1"', '"version": "2"'))
    with pytest.raises(ArtefactError, match=r"model\.json: not signed by the owner of RECOMMENDER_SIGNED_BY .*: run"):
        OnnxModel(artefact)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "not signed by the owner of RECOMMENDER_SIGNED_BY" in done.stderr
    (artefact.folder / "model.json.sig").unlink()
    with pytest.raises(ArtefactError, match=r"model\.json: not signed, but RECOMMENDER_SIGNED_BY"):
        artefact.catalogue()


@pytest.mark.parametrize("name", ["model.json", "model.onnx", "items.json"])
def test_a_missing_file_is_named(artefact: Artefact, name: str) -> None:
    (artefact.folder / name).unlink()
    with pytest.raises(ArtefactError, match=rf"{name}: No such file or directory: run make train-2, or set"):
        _read_all(artefact)


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"name": 1, "colour": 2}'])
def test_a_card_that_is_none_is_refused(artefact: Artefact, content: str) -> None:
    (artefact.folder / "model.json").write_text(content)
    with pytest.raises(ArtefactError, match=r"model\.json: not a model card: "):
        artefact.card()


def test_a_graph_that_onnx_runtime_does_not_take_is_named(artefact: Artefact) -> None:
    other = artefact.folder.parent / "other"
    shutil.copytree(artefact.folder, other)
    card = json.loads((other / "model.json").read_text())
    shutil.copy(other / "items.json", other / "model.onnx")
    card["sha256"] = card["files"]["items.json"]
    (other / "model.json").write_text(json.dumps(card))
    with pytest.raises(ArtefactError, match=r"model\.onnx: ONNX Runtime refuses it: "):
        OnnxModel(Artefact(other))


def _read_all(artefact: Artefact) -> None:
    artefact.onnx()
    artefact.normalisation()
    artefact.histories()
    artefact.catalogue()


def test_the_command_registers_both_versions_with_what_each_was_trained_with(
    movielens: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = new_registry(tmp_path_factory, tmp_path / "run")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    monkeypatch.setenv("REGISTRY_ARTEFACTS", str(registry.artefacts))
    monkeypatch.setenv("MOVIELENS_DIR", str(movielens))
    monkeypatch.setenv("RECOMMENDER_MODELS_DIR", str(tmp_path / "models"))
    assert train.main() == 0
    model = read_models(registry)["recommender"]
    assert model.aliases == {CHAMPION: 1, CHALLENGER: 2}
    assert [each.artefact_version for each in model.versions.values()] == ["1", "2"]
    assert [json.loads(each.tags["parameters"])["ridge"] for each in model.versions.values()] == [500.0, 20.0]
