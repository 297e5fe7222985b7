"""What a Dockerfile copies is enough for what its own build imports: found here, without a container engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from servekit.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_COPY = re.compile(r"^COPY ((?:(?!--)[^\n\\]|\\\n)+)", re.MULTILINE)
_IMPORTS = re.compile(r'-c "(import [^"]+)"')
DOCKERFILES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted(ROOT.glob("0*-*/**/*Dockerfile"))
    if _IMPORTS.search(path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_code_that_is_copied_imports_what_the_image_runs(dockerfile: str, tmp_path: Path) -> None:
    text = DOCKERFILES[dockerfile]
    for words in (match[1].replace("\\\n", " ").split() for match in _COPY.finditer(text)):
        *sources, target = words
        if target.startswith("/app/"):
            copy(sources, tmp_path / target.removeprefix("/app/"), whole=not target.endswith("/"))
    statement = _IMPORTS.search(text)
    assert statement
    command = [sys.executable, "-B", "-c", statement[1]]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def copy(sources: list[str], target: Path, *, whole: bool) -> None:
    """As COPY does: a folder's content into a folder, files into one whose name ends with a slash."""
    for source in sources:
        if whole:
            shutil.copytree(ROOT / source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, target)
