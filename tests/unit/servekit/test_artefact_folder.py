from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from servekit.artefact_folder import ArtefactError, ArtefactFolder
from tests.external_onnx import external_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> ArtefactFolder:
    found = ArtefactFolder(tmp_path / "1", "make train-9", "NINTH_MODEL_DIR")
    found.write({"model.onnx": b"graph"}, b"{}")
    return found


def test_what_was_written_is_read_and_verified(files: ArtefactFolder) -> None:
    assert files.read("model.json") == b"{}"
    assert files.verified("model.onnx", hashlib.sha256(b"graph").hexdigest()) == b"graph"


def test_bytes_with_another_sha256_than_the_cards_are_refused(files: ArtefactFolder) -> None:
    with pytest.raises(ArtefactError) as caught:
        files.verified("model.onnx", "0" * 64)
    assert str(caught.value) == (
        f"{files.path}/model.onnx sha256 {hashlib.sha256(b'graph').hexdigest()[:12]}…: expected 000000000000…,"
        " as model.json says: the file is damaged or was replaced: run make train-9"
    )


def test_a_missing_file_names_the_command_and_the_setting(files: ArtefactFolder) -> None:
    with pytest.raises(ArtefactError, match=r"/x: No such file or directory: run make train-9, or set NINTH_MODEL_DIR"):
        files.read("x")


def test_a_run_that_does_not_finish_leaves_no_card(files: ArtefactFolder) -> None:
    with pytest.raises(IsADirectoryError):
        files.write({".": b""}, b"{}")
    assert not (files.path / "model.json").exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "..", ".", "", "a/../model.onnx", "model.onnx/"])
def test_a_path_in_the_place_of_a_name_is_refused(files: ArtefactFolder, name: str) -> None:
    (files.path.parent / "secret").write_text("secret")
    with pytest.raises(ArtefactError) as caught:
        files.read(name)
    assert str(caught.value) == f"{name!r}: expected the name of a file in {files.path}, and no path"


def test_a_link_that_leaves_the_folder_is_refused(files: ArtefactFolder) -> None:
    outside = files.path.parent / "secret"
    outside.write_bytes(b"graph")
    (files.path / "model.onnx").unlink()
    (files.path / "model.onnx").symlink_to("../secret")
    with pytest.raises(ArtefactError) as caught:
        files.verified("model.onnx", hashlib.sha256(b"graph").hexdigest())
    expected = f"{files.path}/model.onnx: a link to {outside}, outside the artefact: run make train-9"
    assert str(caught.value) == expected


def test_a_link_is_not_written_through(files: ArtefactFolder) -> None:
    outside = files.path.parent / "secret"
    outside.write_bytes(b"secret")
    (files.path / "model.onnx").unlink()
    (files.path / "model.onnx").symlink_to(outside)
    files.write({"model.onnx": b"graph"}, b"{}")
    assert (outside.read_bytes(), files.read("model.onnx")) == (b"secret", b"graph")


def test_links_within_the_folder_and_to_it_are_followed(files: ArtefactFolder) -> None:
    """A volume of Kubernetes holds its files like this."""
    (files.path / "..data").mkdir()
    (files.path / "model.onnx").rename(files.path / "..data" / "model.onnx")
    (files.path / "model.onnx").symlink_to("..data/model.onnx")
    link = files.path.with_name("current")
    link.symlink_to(files.path)
    assert ArtefactFolder(link, "make train-9", "NINTH_MODEL_DIR").read("model.onnx") == b"graph"


def test_a_graph_that_takes_weights_from_other_files_is_refused(files: ArtefactFolder) -> None:
    graph = external_model("weights.bin")
    files.write({"model.onnx": graph, "weights.bin": bytes(16)}, b"{}")
    with pytest.raises(ArtefactError) as caught:
        files.verified("model.onnx", hashlib.sha256(graph).hexdigest())
    assert str(caught.value) == (
        f"{files.path}/model.onnx: takes weights from other files, whose sha256 no card has: expected a graph that"
        " holds all its weights: run make train-9"
    )
