"""The repositories that go into Triton's image, written from real artefacts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from servekit.versions import ROOT
from tests.integration.shop.serving.triton_world import write_models

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / "03-advanced-multimodel-kserve" / "docker" / "write_repositories.py"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models in two versions, of which fraud's second did not pass its gate."""
    folder = tmp_path_factory.mktemp("image")
    write_models(folder / "models", (1, 2))
    shutil.rmtree(folder / "models/fraud/2")
    subprocess.run([sys.executable, SCRIPT, folder / "models", folder / "repository"], check=True)
    return folder / "repository"


def test_each_backend_has_every_version_together_and_each_alone(written: Path) -> None:
    found = {str(path.relative_to(written)) for path in written.glob("*/*/*") if path.is_dir()}
    assert found == {
        f"{backend}/{versions}/{model}"
        for backend in ("python", "onnxruntime", "tensorrt")
        for versions in ("all", "1", "2")
        for model in ("fraud", "personalisation", "ranking")
        if (versions, model) != ("2", "fraud")
    }


def test_a_repository_names_only_the_versions_that_it_has(written: Path) -> None:
    def versions(path: str) -> str:
        config = (written / path / "config.pbtxt").read_text()
        return "".join(re.findall(r"specific \{ versions: \[ (.*?) \]", config))

    assert versions("onnxruntime/all/ranking") == "1, 2"
    assert versions("onnxruntime/all/fraud") == versions("onnxruntime/1/fraud") == "1"
    assert versions("tensorrt/2/ranking") == "2"


def test_the_sums_beside_a_repository_are_those_of_its_files(written: Path) -> None:
    for sums in written.rglob("SHA256SUMS"):
        subprocess.run(["sha256sum", "--check", "--quiet", sums.name], cwd=sums.parent, check=True)
        listed = {line.split("  ", 1)[1] for line in sums.read_text().splitlines()}
        assert listed == {
            str(path.relative_to(sums.parent)) for path in sums.parent.rglob("*") if path.is_file() and path != sums
        }
    assert len(list(written.rglob("SHA256SUMS"))) == 9
