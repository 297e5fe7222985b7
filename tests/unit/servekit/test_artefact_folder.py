from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from servekit.artefact_folder import ArtefactError, ArtefactFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> ArtefactFolder:
    found = ArtefactFolder(tmp_path / "1", "make train-9", "NINTH_MODEL_DIR")
    found.write({"model.onnx": b"graph"}, b"{}")
    return found


def test_what_was_written_is_read_and_vouched_for(files: ArtefactFolder) -> None:
    assert files.read("model.json") == b"{}"
    assert files.vouched("model.onnx", hashlib.sha256(b"graph").hexdigest()) == b"graph"


def test_other_bytes_than_those_vouched_for_are_refused(files: ArtefactFolder) -> None:
    with pytest.raises(ArtefactError) as caught:
        files.vouched("model.onnx", "0" * 64)
    assert str(caught.value) == (
        f"{files.path}/model.onnx sha256 {hashlib.sha256(b'graph').hexdigest()[:12]}…: model.json vouches for"
        " 000000000000…; the file is damaged or was replaced: run make train-9"
    )


def test_a_missing_file_names_the_command_and_the_setting(files: ArtefactFolder) -> None:
    with pytest.raises(ArtefactError, match=r"/x: No such file or directory: run make train-9, or set NINTH_MODEL_DIR"):
        files.read("x")


def test_a_run_that_does_not_finish_leaves_no_card(files: ArtefactFolder) -> None:
    with pytest.raises(IsADirectoryError):
        files.write({".": b""}, b"{}")
    assert not (files.path / "model.json").exists()
