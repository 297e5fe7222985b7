"""What a training leaves is registered once, with its lineage, or not at all; and never at the training's cost."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from servekit.artefact_folder import CARD, MODEL
from tests.artefacts import new_artefact
from workbench.registry import CHALLENGER, CHAMPION, RegistryError, RegistrySettings, read_models, record
from workbench.registry.artefact import checked_folder, digest
from workbench.registry.registering import register
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_version_is_registered_with_all_that_it_came_from(tmp_path: Path, registry: RegistrySettings) -> None:
    gate = {"passed": True, "reasons": []}
    metrics = {"accuracy": 0.95, "gate": gate}
    artefact = new_artefact(tmp_path / "model", metrics=metrics, parameters={"regularisation": 0.5})
    assert register([artefact], settings=registry) == [1]
    version = read_models(registry)["iris"].version(1)
    tags = version.tags
    assert (version.aliases, version.artefact_version, version.metrics) == ((CHAMPION,), "1", {"accuracy": 0.95})
    assert json.loads(tags["signature"])["inputs"][0]["name"] == "x"
    assert (json.loads(tags["parameters"]), json.loads(tags["gate"])) == ({"regularisation": 0.5}, gate)
    assert (tags["training_data_sha256"], tags["trained_by"]) == ("da" * 32, "make train-1")
    assert len(tags["lock_sha256"]) == 64
    assert tags["git_commit"]
    assert version.folder.is_relative_to(registry.artefacts)
    assert digest(version.folder) == version.artefact_sha256
    assert (version.folder / CARD).read_bytes() == (artefact.path / CARD).read_bytes()


def test_the_gate_report_of_a_training_is_kept_where_the_card_has_none(
    tmp_path: Path, registry: RegistrySettings
) -> None:
    register([new_artefact(tmp_path / "model")], settings=registry, tags={"gate": '{"passed": true}'})
    assert read_models(registry)["iris"].version(1).tags["gate"] == '{"passed": true}'


def test_the_same_bytes_are_the_same_version_although_their_card_is_younger(
    tmp_path: Path, registry: RegistrySettings
) -> None:
    lines: list[str] = []
    first = new_artefact(tmp_path / "first")
    again = new_artefact(tmp_path / "again", created="2026-12-24T00:00:00+00:00")
    assert [register([each], lines.append, registry) for each in (first, again)] == [[1], [1]]
    assert lines == ["registry       iris 1: champion", "registry       iris 1: these very bytes, registered before"]


def test_bytes_of_a_checkout_with_changes_get_the_lineage_of_a_clean_one_that_makes_them_again(
    tmp_path: Path, registry: RegistrySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    artefact, said = new_artefact(tmp_path / "iris"), list[str]()
    for commit in ("c0ffee-dirty", "unknown", "beef", "f00d"):
        here = {"git_commit": commit, "lock_sha256": commit}
        monkeypatch.setattr("workbench.registry.registering.lineage", lambda here=here: here)
        assert register([artefact], said.append, registry) == [1]
    tags = read_models(registry)["iris"].version(1).tags
    assert (tags["git_commit"], tags["lock_sha256"]) == ("beef", "beef")
    again = "registry       iris 1: these very bytes, registered before"
    assert said == [
        "registry       iris 1: champion",
        again,
        "registry       iris 1: these very bytes, now of commit beef",
        again,
    ]


def test_the_first_version_is_champion_and_the_newest_after_it_the_challenger(
    tmp_path: Path, registry: RegistrySettings
) -> None:
    graphs = (b"one", b"two", b"three")
    trained = [new_artefact(tmp_path / graph.decode(), graph) for graph in graphs]
    assert register(trained[:2], settings=registry) == [1, 2]
    assert read_models(registry)["iris"].aliases == {CHAMPION: 1, CHALLENGER: 2}
    assert register(trained, settings=registry) == [1, 2, 3]
    assert read_models(registry)["iris"].aliases == {CHAMPION: 1, CHALLENGER: 3}


def test_the_next_training_leaves_registered_bytes_alone(tmp_path: Path, registry: RegistrySettings) -> None:
    register([new_artefact(tmp_path / "model", b"old")], settings=registry)
    new_artefact(tmp_path / "model", b"new")
    folder = checked_folder(read_models(registry)["iris"].version(1), "make train-1", "IRIS_MODEL_DIR")
    assert (folder / MODEL).read_bytes() == b"old"


def test_a_damaged_copy_is_made_anew_by_the_next_training(tmp_path: Path, registry: RegistrySettings) -> None:
    trained = new_artefact(tmp_path / "model")
    register([trained], settings=registry)
    version = read_models(registry)["iris"].version(1)
    (version.folder / MODEL).write_bytes(b"other")
    register([trained], settings=registry)
    assert (checked_folder(version, "make train-1", "IRIS_MODEL_DIR") / MODEL).read_bytes() == b"graph"


def half_written(folder: Path) -> None:
    (folder / CARD).unlink()


def replaced(folder: Path) -> None:
    (folder / MODEL).write_bytes(b"other")


def no_card(folder: Path) -> None:
    (folder / CARD).write_text("{}")


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "half written": (half_written, "model.json: No such file or directory: run make train-1"),
    "replaced": (replaced, "as model.json says: the file is damaged or was replaced: run make train-1"),
    "no card": (no_card, "model.json: not a model card: 'sha256': run make train-1"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_an_artefact_that_is_not_whole_is_refused(tmp_path: Path, registry: RegistrySettings, what: str) -> None:
    damage, reason = DAMAGES[what]
    whole, broken = (new_artefact(tmp_path / name, name.encode()) for name in ("whole", "broken"))
    damage(broken.path)
    with pytest.raises(RegistryError) as error:
        register([whole, broken], settings=registry)
    assert reason in str(error.value)
    assert read_models(registry) == {}  # not the whole one either: they belong together


def test_a_registered_artefact_that_was_replaced_with_its_card_is_refused(
    tmp_path: Path, registry: RegistrySettings
) -> None:
    register([new_artefact(tmp_path / "model")], settings=registry)
    version = read_models(registry)["iris"].version(1)
    new_artefact(version.folder, b"other")
    with pytest.raises(RegistryError, match=r"of model\.onnx: registered was .{12}…: the files were replaced"):
        checked_folder(version, "make train-1", "IRIS_MODEL_DIR")


def test_a_file_beside_the_graph_that_was_replaced_is_noticed(tmp_path: Path, registry: RegistrySettings) -> None:
    artefact = new_artefact(tmp_path / "model")
    (artefact.path / "drift.json").write_text("{}")
    register([artefact], settings=registry)
    version = read_models(registry)["iris"].version(1)
    (version.folder / "drift.json").write_text("[]")
    with pytest.raises(RegistryError, match="of all files: registered was"):
        checked_folder(version, "make train-1", "IRIS_MODEL_DIR")


def test_a_registry_that_does_not_answer_costs_a_training_two_lines(tmp_path: Path, registry: RegistrySettings) -> None:
    assert registry.database
    registry.database.write_bytes(b"no database, but longer than the header of one" * 100)
    lines: list[str] = []
    assert record([new_artefact(tmp_path / "model")], lines.append, registry) is None
    assert len(lines) == 2
    assert "file is not a database: expected MLflow's database" in lines[0]
    assert lines[1].endswith("the artefacts are whole: make register-N when it answers")


def test_a_full_disk_registers_nothing(tmp_path: Path, registry: RegistrySettings) -> None:
    registry.artefacts.mkdir(parents=True)
    (registry.artefacts / "iris").write_text("a file where the folder should be")
    lines: list[str] = []
    assert record([new_artefact(tmp_path / "model")], lines.append, registry) is None
    assert "free some space, or set REGISTRY_ARTEFACTS" in lines[0]
    assert read_models(registry) == {}


def _register(settings: RegistrySettings, folder: Path, graph: bytes) -> list[int]:
    return register([new_artefact(folder, graph)], settings=settings)


@pytest.mark.slow
def test_trainings_that_end_together_are_registered_one_after_the_other(
    tmp_path: Path, registry: RegistrySettings
) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(_register, registry, tmp_path / name, name.encode()) for name in ("one", "two")]
        numbers = sorted(future.result() for future in running)
    assert numbers == [[1], [2]]
    assert read_models(registry)["iris"].aliases == {CHAMPION: 1, CHALLENGER: 2}


PROGRAM = """
import sys
from pathlib import Path
from servekit.artefact_folder import ArtefactFolder
from workbench.registry import read_models, RegistrySettings, register
import workbench.registry.__main__ as table
trained = [ArtefactFolder(Path(sys.argv[1]), "make train-1", "IRIS_MODEL_DIR")]
assert register(trained) == [1] and table.main([]) == 0
assert "mlflow" not in sys.modules and "sqlalchemy" not in sys.modules
"""


def test_reading_and_registering_known_bytes_load_no_mlflow(tmp_path: Path, registry: RegistrySettings) -> None:
    artefact = new_artefact(tmp_path / "model")
    register([artefact], settings=registry)
    environment = {"MLFLOW_TRACKING_URI": registry.tracking_uri, "REGISTRY_ARTEFACTS": str(registry.artefacts)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(artefact.path)],
        cwd=ROOT, env={"PATH": "", **environment}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "iris" in done.stdout
