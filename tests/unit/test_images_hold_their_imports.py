"""What a Dockerfile copies is enough for what its own build imports, and no more: found without a container engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_COPY = re.compile(r"^COPY ((?:(?!--)[^\n\\]|\\\n)+)", re.MULTILINE)
_SHIPS = re.compile(
    r"shared/servekit|0\d-[\w-]+/(iris_api|recommender|shop|assistant)|infra/requirements/|infra/docker/(layer|trim)\.sh$|\.run/|0\d-[\w-]+/docker/"
)
"""What may enter an image: of the shared code what ships, and the serving package."""
KEPT_OUT = {"commands", "training", "load", "calibration", "models", "optimize", "world", "canary"}
"""What works on a running level, or makes an artefact."""
_IMPORTS = re.compile(r'-c "(import [^"]+)"')
_BASE = re.compile(r"^ARG \w+_IMAGE=(?:[\w-]+/)*([\w-]+):dev$", re.MULTILINE)
"""The image of ours on which another one is built."""
_OURS = f"not each.startswith({str(ROOT)!r}) or '-packages' in each"
_ALONE = f"import sys; sys.path[:] = [each for each in sys.path if {_OURS}]; "
"""Our environment finds all packages of this repository; an image has those that were copied."""
DOCKERFILES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("0*-*/docker/*Dockerfile"), *ROOT.glob("0*-*/*/docker/*Dockerfile")])
    if _IMPORTS.search(path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize(
    "dockerfile", [pytest.param(each, marks=pytest.mark.slow if "/assistant/" in each else ()) for each in DOCKERFILES]
)
def test_the_code_that_is_copied_imports_what_the_image_runs(dockerfile: str, tmp_path: Path) -> None:
    text = DOCKERFILES[dockerfile]
    for words in (match[1].replace("\\\n", " ").split() for match in _COPY.finditer(with_base(text))):
        *sources, target = words
        if target.startswith("/app/"):
            copy(sources, tmp_path / target.removeprefix("/app/"), whole=not target.endswith("/"))
    statement = _IMPORTS.search(text)
    assert statement
    assert imported(statement[1], tmp_path) == ""


def test_the_script_that_writes_tritons_repositories_imports_what_its_build_copies(tmp_path: Path) -> None:
    folder = ROOT / "03-advanced-multimodel-kserve"
    copy(["shared/servekit"], tmp_path / "servekit", whole=True)
    copy([f"{folder.name}/shop"], tmp_path / "shop", whole=True)
    shutil.copy(folder / "docker/write_repositories.py", tmp_path)
    assert imported("import write_repositories", tmp_path) == ""


def imported(statement: str, folder: Path) -> str:
    """What Python says of an import where there is nothing of ours but this folder; nothing if all is there."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", _ALONE + statement],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr}"


def test_of_the_shared_code_only_what_ships_enters_an_image_and_of_the_levels_no_command() -> None:
    every = [ROOT / path for path in DOCKERFILES] + [*ROOT.glob("0*-*/docker/*Dockerfile")]
    copied = [
        source
        for path in every
        for match in _COPY.finditer(path.read_text(encoding="utf-8"))
        for source in match[1].replace("\\\n", " ").split()[:-1]
    ]
    assert [source for source in copied if not _SHIPS.match(source)] == []
    assert not [source for source in copied if source[0] == "0" and KEPT_OUT & {*source.split("/")}]
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"0*/*/{folder}" for folder in KEPT_OUT} <= {*kept_out}


def with_base(text: str) -> str:
    """A Dockerfile's text, after that of the image of ours on which it builds."""
    base = _BASE.search(text)
    return "".join(DOCKERFILES[each] for each in DOCKERFILES if base and each.endswith(f"/{base[1]}.Dockerfile")) + text


def copy(sources: list[str], target: Path, *, whole: bool) -> None:
    """As COPY does: a folder's content into a folder, files into one whose name ends with a slash."""
    for source in sources:
        if whole:
            shutil.copytree(ROOT / source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, target)
