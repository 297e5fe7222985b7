"""What is installed is what was locked: each requirement has a version and hashes, and each installation wants them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / "infra" / "requirements"
LOCKED = sorted(FOLDER.glob("*.txt"))
PIN = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,-]+\])?==[^\s;=]+( ; [^\\]+)?( +--hash=sha256:[0-9a-f]{64})+")
INSTALLS = re.compile(r"pip\b[^;&|]*\b(install|sync|download)\b")


def requirements(text: str) -> list[str]:
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def name_of(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=<>~! ;]", requirement, maxsplit=1)[0]).lower()


def commands() -> dict[str, str]:
    """Every command that installs packages, by where it stands."""
    files = [ROOT / "Makefile", ROOT / ".ci/run", *ROOT.glob("0*/docker/*Dockerfile"), *ROOT.glob("infra/**/*.sh")]
    files += ROOT.glob("infra/**/*Dockerfile")
    found: dict[str, str] = {}
    for path in [*files, *ROOT.glob("0*/**/*.sh")]:
        lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        found |= {f"{path.relative_to(ROOT)}: {line.strip()}": line for line in lines if INSTALLS.search(line)}
    return found


def test_the_rule_knows_what_has_no_hash_or_no_version() -> None:
    digest = f"--hash=sha256:{'0' * 64}"
    assert PIN.fullmatch(f"a-b[c]==1!2.0 ; python_version < '3.12'  {digest}  {digest}")
    for wrong in (
        "a==1",
        f"a>=1 {digest}",
        f"a {digest}",
        "a==1 --hash=md5:0",
        f"--index-url=x {digest}",
        f"-e . {digest}",
    ):
        assert not PIN.fullmatch(wrong), wrong


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_every_requirement_has_a_version_and_hashes(path: Path) -> None:
    lines = requirements(path.read_text(encoding="utf-8"))
    assert lines
    assert [line[:80] for line in lines if not PIN.fullmatch(line)] == []


def test_every_list_is_locked_and_all_of_it() -> None:
    wanted = {path.stem: requirements(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.in")}
    assert sorted(wanted) == [path.stem for path in LOCKED]
    for stem, lines in wanted.items():
        pinned = {name_of(line) for line in requirements((FOLDER / f"{stem}.txt").read_text(encoding="utf-8"))}
        assert {name_of(line) for line in lines if not line.startswith("-c ")} <= pinned, stem


def test_every_list_is_compiled_with_hashes() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    compiles = re.findall(r"pip compile [^;\n]+", text)
    assert len(compiles) == 5
    assert all("--generate-hashes" in each for each in compiles)


def test_every_installation_asks_for_the_hashes() -> None:
    found = commands()
    assert len(found) >= 11
    assert [place for place, command in found.items() if "--require-hashes" not in command] == []


def test_the_environment_for_gpus_has_only_wheels_of_which_the_hash_is_all_there_is() -> None:
    pinned = {name_of(line) for line in requirements((FOLDER / "gpu.txt").read_text(encoding="utf-8"))}
    assert {"onnxruntime-gpu", "nvidia-cudnn-cu13", "nvidia-cublas"} <= pinned
    assert not {name for name in pinned if name.startswith("tensorrt")}, "its sources download what no hash names"
    (sync,) = [command for command in commands().values() if ".venvs/gpu" in command and "sync" in command]
    assert "--only-binary :all:" in sync
    (lock,) = re.findall(r"pip compile [^;\n]+ gpu\.in ", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert "--no-build" in lock, "to read what a source needs, uv would run its code"


def test_what_carries_the_films_is_downloaded_by_its_hash() -> None:
    code = (ROOT / "02-intermediate-seldon-pipeline/recommender/training/movielens.py").read_text(encoding="utf-8")
    assert len(INSTALLS.findall(code.replace('"', " ").replace(",", " "))) == code.count("--require-hashes") == 1
