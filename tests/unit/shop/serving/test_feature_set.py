"""Features are read from their own folder only, as their manifest vouches for them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from shop.features.store import MANIFEST, POPULAR_FILE
from shop.serving.feature_set import FeatureSet, FeatureSetError

if TYPE_CHECKING:
    from pathlib import Path

POPULAR = b"[1, 2]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "features"
    folder.mkdir()
    (folder / POPULAR_FILE).write_bytes(POPULAR)
    files = {POPULAR_FILE: hashlib.sha256(POPULAR).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps({"generation": "1", "files": files}))
    return folder


def test_what_the_manifest_vouches_for_is_read(folder: Path) -> None:
    assert FeatureSet(folder).popular() == POPULAR


@pytest.mark.parametrize("name", [POPULAR_FILE, MANIFEST])
def test_a_link_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    outside = (folder / name).rename(folder.parent / name)
    (folder / name).symlink_to(outside)
    with pytest.raises(FeatureSetError) as caught:
        FeatureSet(folder).popular()
    assert str(caught.value) == f"{folder / name}: a link to {outside}, outside the artefact: run make train-3"


@pytest.mark.parametrize("name", [POPULAR_FILE, MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FeatureSetError) as caught:
        FeatureSet(folder).popular()
    assert str(caught.value) == f"{folder / name}: No such file or directory: run make train-3, or set SHOP_RUN_DIR"
