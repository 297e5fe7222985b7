"""The repository that is generated from artefacts, for each backend."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pytest

from shop.artefact import ArtefactError, ModelCard, write_artefact
from shop.gateway.domain.merging import merge
from shop.models.personalisation.graphs import personalisation_onnx
from shop.serving.model_config import Backend
from shop.serving.repository import add_version, main, remove_version, versions, write_repository
from shop.serving.shards import write_shards
from tests.external_onnx import external_model
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

TRITON_PYTHON = ROOT / ".venvs/triton/bin/python"
SIGNATURES = {
    "ranking": ([("features", "FP32", [-1, 128])], [("scores", "FP32", [-1])]),
    "fraud": ([("features", "FP32", [-1, 64])], [("probability", "FP32", [-1])]),
    "personalisation": ([("user", "FP32", [-1, 64])], [("items", "INT32", [-1, 100]), ("scores", "FP32", [-1, 100])]),
}


def tensors(described: Sequence[tuple[str, str, list[int]]]) -> list[dict[str, object]]:
    return [{"name": name, "datatype": datatype, "shape": shape} for name, datatype, shape in described]


def an_artefact(
    models: Path, name: str, version: int, parts: dict[str, bytes] | None = None, graph: bytes = b""
) -> Path:
    """A version; where no graph is given, nobody looks at it."""
    inputs, outputs = SIGNATURES[name.partition("-")[0]]
    card = ModelCard(name, str(version), "none", "FP32", tensors(inputs), tensors(outputs), {}, "", "", {})
    folder = models / name / str(version)
    write_artefact(folder, graph or f"graph {version}".encode(), card, parts)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in SIGNATURES:
        an_artefact(tmp_path / "models", name, 1)
    an_artefact(tmp_path / "models", "ranking", 2, {"model.tensorrt.onnx": b"symmetric", "check.json": b"rows"})
    return tmp_path / "models"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def test_a_version_is_its_graph_its_card_and_the_one_model_of_the_python_backend(
    models: Path, repository: Path
) -> None:
    assert write_repository(models, repository) == ["ranking", "fraud", "personalisation"]
    assert sorted(path.name for path in (repository / "ranking" / "2").iterdir()) == [
        "model.json",
        "model.onnx",
        "model.py",
    ]
    codes = {path.read_bytes() for path in repository.glob("*/*/model.py")}
    assert len(codes) == 1
    assert (repository / "ranking" / "2" / "model.onnx").read_bytes() == b"graph 2"


def test_the_configuration_says_what_the_card_says(models: Path, repository: Path) -> None:
    write_repository(models, repository)
    text = (repository / "personalisation" / "config.pbtxt").read_text()
    assert 'input [ { name: "user" data_type: TYPE_FP32 dims: [ 64 ] } ]' in text
    assert 'output [ { name: "items" data_type: TYPE_INT32 dims: [ 100 ] } ]' in text
    text = (repository / "ranking" / "config.pbtxt").read_text()
    assert 'output [ { name: "scores" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } } ]' in text
    assert "version_policy { specific { versions: [ 1, 2 ] } }" in text
    assert "batch_size: 100" in text


def test_for_tensorrt_a_version_holds_what_its_engine_is_built_from(models: Path, repository: Path) -> None:
    write_repository(models, repository, Backend.TENSORRT)
    assert (repository / "ranking" / "2" / "model.onnx").read_bytes() == b"symmetric"
    assert (repository / "ranking" / "2" / "check.json").read_bytes() == b"rows"
    assert (repository / "ranking" / "1" / "model.onnx").read_bytes() == b"graph 1"
    assert not list(repository.glob("*/*/model.py"))


def test_each_backend_gets_the_configuration_that_triton_reads(models: Path, tmp_path: Path) -> None:
    """Parsed as the message that Triton's own client has, in the environment that has it."""
    for backend in Backend:
        write_repository(models, tmp_path / "repositories" / backend, backend)
    script = """
import sys
from pathlib import Path
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig
for path in sorted(Path(sys.argv[1]).rglob("config.pbtxt")):
    model = text_format.Parse(path.read_text(), ModelConfig())
    batching = model.dynamic_batching.max_queue_delay_microseconds if model.HasField("dynamic_batching") else "off"
    kind = model.instance_group[0].Kind.Name(model.instance_group[0].kind)
    threads = model.parameters["intra_op_thread_count"].string_value or "-"
    print(path.parent.parent.name, model.name, model.backend, model.default_model_filename, kind, batching, threads)
    assert model.model_warmup[0].batch_size and not model.response_cache.enable and model.max_batch_size
"""
    done = subprocess.run(
        [TRITON_PYTHON, "-c", script, tmp_path / "repositories"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "onnxruntime fraud onnxruntime model.onnx KIND_CPU 500 1",
        "onnxruntime personalisation onnxruntime model.onnx KIND_CPU 1000 1",
        "onnxruntime ranking onnxruntime model.onnx KIND_CPU 500 1",
        "python fraud python model.py KIND_CPU 0 -",
        "python personalisation python model.py KIND_CPU 0 -",
        "python ranking python model.py KIND_CPU 0 -",
        "tensorrt fraud tensorrt model.plan KIND_GPU 500 -",
        "tensorrt personalisation tensorrt model.plan KIND_GPU 1000 -",
        "tensorrt ranking tensorrt model.plan KIND_GPU 500 -",
    ]


def test_the_catalogue_is_cut_into_models_of_their_own_beside_the_whole(models: Path, repository: Path) -> None:
    items = np.random.default_rng(1).normal(size=(150, 64)).astype(np.float32)
    folder = an_artefact(models, "personalisation", 1, graph=personalisation_onnx(items))
    assert write_repository(models, repository, shards=2)[-3:] == [
        "personalisation",
        "personalisation-0",
        "personalisation-1",
    ]
    text = (repository / "personalisation-1" / "config.pbtxt").read_text()
    assert 'name: "personalisation-1"' in text
    assert 'output [ { name: "items" data_type: TYPE_INT32 dims: [ 86 ] } ]' in text
    users = items[:3]
    parts = [run(repository / f"personalisation-{number}/1/model.onnx", users) for number in range(2)]
    for merged, whole in zip(merge(parts, 100), run(folder / "model.onnx", users), strict=True):
        np.testing.assert_array_equal(merged, whole)


def test_a_catalogue_that_is_too_small_is_not_cut(models: Path, repository: Path) -> None:
    an_artefact(models, "personalisation", 1, graph=personalisation_onnx(np.ones((65, 64), np.float32)))
    with pytest.raises(ArtefactError, match=r"^SHOP_SHARDS: shards 3: expected 1 to 2 for 65 items$"):
        write_repository(models, repository, shards=3)


def run(path: Path, users: NDArray[np.float32]) -> Any:
    return ort.InferenceSession(path).run(None, {"user": users})


def test_what_is_no_longer_among_the_artefacts_leaves_the_repository(models: Path, repository: Path) -> None:
    an_artefact(models, "personalisation", 1, graph=personalisation_onnx(np.ones((128, 64), np.float32)))
    write_repository(models, repository, shards=2)
    (models / "ranking" / "2" / "model.json").unlink()
    write_repository(models, repository)
    assert not (repository / "personalisation-0").exists()
    assert versions(repository / "ranking") == [1]


def test_versions_come_and_go(models: Path, repository: Path) -> None:
    write_repository(models, repository)
    remove_version("ranking", 1, repository)
    assert "versions: [ 2 ]" in (repository / "ranking" / "config.pbtxt").read_text()
    add_version(models / "ranking", 1, repository)
    assert "versions: [ 1, 2 ]" in (repository / "ranking" / "config.pbtxt").read_text()
    with pytest.raises(ArtefactError, match=r"^version 7 of ranking: expected one of 1, 2$"):
        remove_version("ranking", 7, repository)
    with pytest.raises(ArtefactError, match=r"^version 1 of fraud: it is the last one; unload the model instead$"):
        remove_version("fraud", 1, repository)


def test_an_artefact_that_its_card_does_not_vouch_for_is_not_taken(models: Path, repository: Path) -> None:
    (models / "fraud" / "1" / "model.onnx").write_bytes(b"other")
    with pytest.raises(ArtefactError, match=r"expected .*, as model\.json says"):
        write_repository(models, repository)


@pytest.mark.parametrize("backend", Backend)
def test_models_that_must_be_signed_are_taken_only_so(
    tmp_path: Path, repository: Path, backend: Backend, model_keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SIGN_WITH", str(model_keys[0]))
    models = tmp_path / "models"
    for name in SIGNATURES:
        an_artefact(models, name, 1, graph=personalisation_onnx(np.ones((150, 64), np.float32)))
    monkeypatch.delenv("SHOP_SIGN_WITH")
    monkeypatch.setenv("SHOP_SIGNED_BY", str(model_keys[1]))
    assert write_repository(models, repository, backend, shards=2)[3:] == ["personalisation-0", "personalisation-1"]
    change_card(models / "fraud" / "1", version="7")
    with pytest.raises(ArtefactError, match=r"fraud/1/model\.json: not signed by the owner of SHOP_SIGNED_BY .*:"):
        write_repository(models, repository, backend)
    an_artefact(models, "fraud", 2)
    with pytest.raises(
        ArtefactError, match=r"fraud/2/model\.json: not signed, but SHOP_SIGNED_BY .* asks for a signature"
    ):
        add_version(models / "fraud", 2, repository)
    shutil.rmtree(models / "fraud" / "2")
    shutil.copytree(models / "personalisation" / "1", models / "fraud" / "2")
    with pytest.raises(
        ArtefactError, match=r"fraud/2/model\.json: signed for personalisation, version 1: expected fraud"
    ):
        add_version(models / "fraud", 2, repository)
    (models / "personalisation" / "1" / "model.json.sig").write_bytes(bytes(64))
    with pytest.raises(ArtefactError, match=r"personalisation/1/model\.json: not signed by the owner"):
        write_shards(models / "personalisation", tmp_path / "shards", 2)


@pytest.mark.parametrize("backend", Backend)
@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "weights.bin"])
def test_a_graph_with_weights_in_another_file_is_not_taken(
    models: Path, repository: Path, backend: Backend, location: str
) -> None:
    graph = external_model(location)
    an_artefact(models, "fraud", 1, {"model.tensorrt.onnx": graph}, graph=graph)
    with pytest.raises(ArtefactError, match=r"onnx: takes weights from other files, whose sha256 no card has"):
        write_repository(models, repository, backend)
    assert not list(repository.glob("fraud/1/*.onnx"))


@pytest.mark.parametrize("name", ["model.onnx", "model.json"])
def test_a_link_out_of_an_artefact_is_not_taken(models: Path, repository: Path, name: str) -> None:
    folder = models / "fraud" / "1"
    outside = (folder / name).rename(models.parent / name)
    (folder / name).symlink_to(outside)
    with pytest.raises(ArtefactError, match=rf"{name}: a link to {outside}, outside the artefact: run make train-3$"):
        write_repository(models, repository)


def test_what_a_card_says_is_no_path(models: Path, repository: Path) -> None:
    folder = an_artefact(models, "personalisation", 1, graph=personalisation_onnx(np.ones((150, 64), np.float32)))
    change_card(folder, name="../../elsewhere", version="../../../elsewhere")
    write_repository(models, repository, shards=2)
    assert {path.name for path in models.parent.iterdir()} == {"models", "repository", "shards"}
    assert {path.name for path in repository.with_name("shards").iterdir()} == {
        "personalisation-0",
        "personalisation-1",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"name": 'x" } ] parameters { key: "EXECUTION_ENV_PATH" value { string_value: "/tmp/x.tar.gz" } } #'},
        {"datatype": "FP32 } ]\nname: "},
        {"shape": [-1, "1 ] } ]"]},
        {"shape": 128},
        {"name": ""},
    ],
)
def test_what_a_card_says_adds_no_setting_of_tritons(models: Path, repository: Path, changed: dict[str, Any]) -> None:
    folder = an_artefact(models, "fraud", 1)
    tensor = {"name": "features", "datatype": "FP32", "shape": [-1, 64]}
    change_card(folder, inputs=[tensor | changed])
    with pytest.raises(ArtefactError, match=r"^fraud: model\.json's tensor .*expected letters, digits and _ in name"):
        write_repository(models, repository)
    assert not (repository / "fraud" / "config.pbtxt").exists()


def change_card(folder: Path, **fields: Any) -> None:
    card = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps(card | fields))


def test_without_a_version_there_is_no_model(models: Path, repository: Path) -> None:
    (models / "fraud" / "1" / "model.json").unlink()
    with pytest.raises(ArtefactError, match=r"fraud: no version of a model in it: run make train-3"):
        write_repository(models, repository)


def test_the_command_writes_a_repository_for_a_backend_and_lists_it(
    models: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--backend", "onnxruntime", "--models", str(models), "--out", str(repository)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ranking: onnxruntime, versions 1, 2",
        "fraud: onnxruntime, versions 1",
        "personalisation: onnxruntime, versions 1",
    ]
    assert main(["--models", str(models / "nowhere"), "--out", str(repository)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
