"""The repositories that go into Triton's image, written from real artefacts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.shop.serving.triton_world import write_models
from workbench.versions import ROOT

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


def test_a_build_that_asks_for_signatures_takes_no_model_without(
    tmp_path: Path, model_keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    models, repository = tmp_path / "models", tmp_path / "repository"
    monkeypatch.setenv("SHOP_SIGN_WITH", str(model_keys[0]))
    write_models(models, (1,))
    monkeypatch.delenv("SHOP_SIGN_WITH")
    monkeypatch.setenv("SHOP_SIGNED_BY", str(model_keys[1]))
    command = [sys.executable, str(SCRIPT), str(models), str(repository)]
    subprocess.run(command, check=True)
    (models / "fraud" / "1" / "model.json.sig").unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode
    assert f"fraud/1/model.json: not signed, but SHOP_SIGNED_BY {model_keys[1]} asks for a signature" in done.stderr
