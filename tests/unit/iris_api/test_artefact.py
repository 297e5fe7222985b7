"""Artefacts: what must not be served is refused with a reason and a remedy."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import onnx
import pytest

from iris_api.adapters.artefact import ArtefactError, read_artefact, write_artefact
from iris_api.adapters.onnx_model import OnnxModel
from iris_api.training.golden import read_golden
from tests.external_onnx import external_model

if TYPE_CHECKING:
    from pathlib import Path

FEATURES = "features FP32 [-1, 4]"
LABEL = "label INT64 [-1]"
PROBABILITIES = "probabilities FP32 [-1, 3]"


@pytest.fixture
def folder(model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the artefact to damage."""
    return shutil.copytree(model_dir, tmp_path / "1")


def refusal(folder: Path) -> str:
    with pytest.raises(ArtefactError) as caught:
        OnnxModel(folder)
    return str(caught.value)


def change_card(folder: Path, **fields: Any) -> None:
    card = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps({**card, **fields}))


def replace_model(folder: Path, model: bytes) -> None:
    (folder / "model.onnx").write_bytes(model)
    change_card(folder, sha256=hashlib.sha256(model).hexdigest())


def test_what_is_written_is_read_back(model_dir: Path, tmp_path: Path) -> None:
    model, card = read_artefact(model_dir)
    write_artefact(tmp_path / "new" / "2", model, card)
    assert read_artefact(tmp_path / "new" / "2") == (model, card)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    expected = f"{tmp_path}/no/model.json: No such file or directory: run make train-1, or set IRIS_MODEL_DIR"
    assert refusal(tmp_path / "no") == expected


def test_a_missing_model_file_is_named(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    expected = f"{folder}/model.onnx: No such file or directory: run make train-1, or set IRIS_MODEL_DIR"
    assert refusal(folder) == expected


def test_a_folder_in_the_place_of_the_model_is_refused(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()
    assert refusal(folder) == f"{folder}/model.onnx: Is a directory: run make train-1, or set IRIS_MODEL_DIR"


def test_a_run_that_did_not_finish_leaves_no_card(folder: Path) -> None:
    model, card = read_artefact(folder)
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()
    with pytest.raises(IsADirectoryError):
        write_artefact(folder, model, card)
    assert not (folder / "model.json").exists()


@pytest.mark.parametrize("at", [0, 300, -1])
def test_a_damaged_byte_is_found(folder: Path, at: int) -> None:
    model = bytearray((folder / "model.onnx").read_bytes())
    trained = hashlib.sha256(model).hexdigest()
    model[at] ^= 1
    (folder / "model.onnx").write_bytes(model)
    assert refusal(folder) == (
        f"{folder}/model.onnx sha256 {hashlib.sha256(model).hexdigest()[:12]}…: expected"
        f" {trained[:12]}…, as model.json says: the file is damaged or was replaced: run make train-1"
    )


def test_a_truncated_model_is_found(folder: Path) -> None:
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-1])
    assert "the file is damaged or was replaced: run make train-1" in refusal(folder)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Input data was truncated"),
        ("", "Input data was truncated"),
        ("model", "JSON is malformed: invalid character (byte 0)"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "Object missing required field `name`"),
        ('{"name": 5}', "Expected `str`, got `int` - at `$.name`"),
    ],
)
def test_a_card_that_is_none_is_refused(folder: Path, text: str, reason: str) -> None:
    (folder / "model.json").write_text(text)
    assert refusal(folder) == f"{folder}/model.json: not a model card: {reason}: run make train-1"


@pytest.mark.parametrize("field", ["name", "version", "sha256", "inputs", "outputs", "metrics", "created"])
def test_a_card_without_a_field_is_refused(folder: Path, field: str) -> None:
    card = json.loads((folder / "model.json").read_bytes())
    del card[field]
    (folder / "model.json").write_text(json.dumps(card))
    reason = f"Object missing required field `{field}`"
    assert refusal(folder) == f"{folder}/model.json: not a model card: {reason}: run make train-1"


def test_a_card_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "model.json").write_bytes(b'{"name": "\xff"}')
    assert re.fullmatch(rf"{folder}/model\.json: not a model card: .+: run make train-1", refusal(folder))


@pytest.mark.parametrize("model", [b"not onnx", b"", b"\x00" * 1000])
def test_a_verified_graph_that_onnx_runtime_cannot_load_is_refused(folder: Path, model: bytes) -> None:
    replace_model(folder, model)
    reason = refusal(folder)
    assert reason.startswith(f"{folder}/model.onnx: ONNX Runtime refuses it: ")
    assert "\n" not in reason


def test_tensors_of_other_names_than_the_card_declares_are_refused(folder: Path) -> None:
    graph = onnx.load(folder / "model.onnx")
    graph.graph.output.pop()
    replace_model(folder, graph.SerializeToString())
    assert refusal(folder) == (
        f"{folder}/model.json tensors {FEATURES}, {LABEL}, {PROBABILITIES}: model.onnx has {FEATURES}, {LABEL}"
    )


@pytest.mark.parametrize(("datatype", "shape"), [("FP64", [-1, 4]), ("FP32", [-1, 5]), ("FP32", [4]), ("FP32", [1, 4])])
def test_a_tensor_of_another_type_or_shape_than_the_card_declares_is_refused(
    folder: Path, datatype: str, shape: list[int]
) -> None:
    change_card(folder, inputs=[{"name": "features", "datatype": datatype, "shape": shape}])
    assert refusal(folder) == (
        f"{folder}/model.json tensors features {datatype} {shape}, {LABEL}, {PROBABILITIES}:"
        f" model.onnx has {FEATURES}, {LABEL}, {PROBABILITIES}"
    )


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "weights.bin"])
def test_weights_in_another_file_are_refused(folder: Path, location: str) -> None:
    replace_model(folder, external_model(location))
    assert refusal(folder).startswith(f"{folder}/model.onnx: takes weights from other files, whose sha256 no card has")


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "golden.json"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    outside = (folder / name).rename(folder.parent / name)
    (folder / name).symlink_to(outside)
    with pytest.raises(ArtefactError) as caught:
        read_golden(folder) if name == "golden.json" else OnnxModel(folder)
    assert str(caught.value) == f"{folder}/{name}: a link to {outside}, outside the artefact: run make train-1"


def test_a_model_that_must_be_signed_is_refused_without_a_signature(
    folder: Path, model_keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = model_keys
    monkeypatch.setenv("IRIS_SIGNED_BY", str(public))
    assert refusal(folder).startswith(
        f"{folder}/model.json: not signed, but IRIS_SIGNED_BY {public} asks for a signature"
    )
    monkeypatch.delenv("IRIS_SIGNED_BY")
    model, card = read_artefact(folder)
    monkeypatch.setenv("IRIS_SIGN_WITH", str(private))
    write_artefact(folder, model, card)
    monkeypatch.setenv("IRIS_SIGNED_BY", str(public))
    assert OnnxModel(folder).version == "1"
    replace_model(folder, model + b"\0")
    assert refusal(folder).startswith(f"{folder}/model.json: not signed by the owner of IRIS_SIGNED_BY {public}: run")


def test_missing_golden_answers_are_named(folder: Path) -> None:
    (folder / "golden.json").unlink()
    with pytest.raises(ArtefactError) as caught:
        read_golden(folder)
    path = folder / "golden.json"
    assert str(caught.value) == f"{path}: No such file or directory: run make train-1, or set IRIS_MODEL_DIR"
    path.write_text("[]")
    with pytest.raises(ArtefactError) as caught:
        read_golden(folder)
    expected = f"{path}: not golden answers: Expected `object`, got `array`: run make train-1"
    assert str(caught.value) == expected
