"""The images' entry point: how it ends, and how it refuses to start."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [str(ROOT / ".venvs/seldon/bin/python"), "-m", "recommender.entrypoints.components"]


@pytest.mark.parametrize("name", ["preprocessor", "model", "postprocessor"])
def test_without_an_artefact_a_component_ends_with_one_clear_line(tmp_path: Path, name: str) -> None:
    environment = {**os.environ, "RECOMMENDER_MODEL_DIR": str(tmp_path)}
    done = subprocess.run([*COMMAND, name], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    reason = f"{tmp_path}/model.json: No such file or directory: run make train-2, or set RECOMMENDER_MODEL_DIR"
    assert done.stderr.splitlines()[-1] == f"{name} cannot start: {reason}"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [[], ["router"]])
def test_the_command_knows_three_components(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    name = repr(arguments[0] if arguments else "")
    last = done.stderr.splitlines()[-1]
    assert last == f"component {name}: expected one of preprocessor, model, postprocessor"
