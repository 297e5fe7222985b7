"""The Makefile works wherever the repository lies, and whoever's home folder cannot be written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PLACES = ("CURDIR", "PYTHON", "HOME", "PWD")
"""What may have a blank in it; every other path in the Makefile is relative and of our own choosing."""


def recipes() -> list[str]:
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    return [line[1:].lstrip("@-") for line in text.splitlines() if line.startswith("\t")]


def unquoted(recipe: str) -> list[str]:
    """The places in a recipe that a shell would part at a blank."""
    marked = recipe.replace("$$", "$")
    for place in PLACES:
        marked = marked.replace(f"$({place})", f"{place}:a b")
    # quotes within a quoted "$(command)" are quotes of their own
    parts = [*re.findall(r'"\$\((.*)\)"', marked), re.sub(r'"\$\(.*\)"', "x", marked)]
    return [word for part in parts for word in _words(part) if re.search(rf"\b({'|'.join(PLACES)}):a$", word)]


def _words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def test_the_rule_knows_a_path_that_is_not_quoted() -> None:
    assert unquoted("PATH=$(CURDIR)/.venvs/main/bin:$$PATH python") == ["PATH=CURDIR:a"]
    assert unquoted('PATH="$(CURDIR)/.venvs/main/bin:$$PATH" python') == []
    assert unquoted("$(PYTHON) -c 'print(1)'") == ["PYTHON:a"]
    assert unquoted("\"$(PYTHON)\" -c 'print(1)'") == []


def test_no_recipe_parts_a_path_at_a_blank() -> None:
    found = [(place, recipe) for recipe in recipes() for place in unquoted(recipe)]
    assert found == []


def given() -> set[str]:
    return set(re.findall(r"^GIVEN := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split())


def test_recipes_put_only_what_the_makefile_says_itself_into_the_shell() -> None:
    """What is given is named in conditions alone; neither it nor where the clone lies is part of a command's text."""
    own = set(re.findall(r"^(\w+) :?= ", (ROOT / "Makefile").read_text(), re.MULTILINE)) | {
        "MAKE",
        "MAKEFILE_LIST",
        "n",
    }
    condition = re.compile(rf"\$\(if \$\((?:{'|'.join(given())})\),")
    for recipe in recipes():
        named = set(re.findall(r"\$\((\w+)\)", condition.sub("", recipe)))
        assert named <= own - given(), recipe


def kept(home: str | None, **environment: str) -> dict[str, str]:
    """Where the programs that a recipe runs keep what they keep."""
    known = {name: value for name, value in os.environ.items() if name not in {"HOME", "XDG_CACHE_HOME"}}
    done = subprocess.run(
        ["make", "--no-print-directory", "-f", "Makefile", "--eval", "kept-things: ; @env", "kept-things"],
        cwd=ROOT,
        env=known | ({"HOME": home} if home else {}) | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    lines = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in lines if name.startswith("XDG_")}


def test_a_home_folder_that_can_be_written_is_used(tmp_path: Path) -> None:
    assert "XDG_CACHE_HOME" not in kept(str(tmp_path))
    assert kept("/nowhere", XDG_CACHE_HOME=str(tmp_path / "a b"))["XDG_CACHE_HOME"] == str(tmp_path / "a b")


def test_without_a_writable_home_folder_caches_lie_in_the_clone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (None, str(tmp_path / "file")):  # root may write anywhere, but no folder into a file
        assert kept(home)["XDG_CACHE_HOME"] == f"{ROOT}/.cache"


def test_help_is_in_groups_that_fit_a_terminal_and_leaves_no_target_out() -> None:
    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line for line in printed.splitlines() if len(line) > 80] == []
    groups = [line for line in printed.splitlines() if line and not line.startswith(" ")]
    assert groups[0] == "the two commands"
    told = re.findall(r"^([a-z0-9%-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [name for name in told if f"  {name.replace('%', 'N')} " not in printed] == []


def test_a_pipelines_own_variables_stop_no_command() -> None:
    """GitLab's matrix has a LEVEL: make would work ours out for every command, also where no level is meant."""
    names = re.findall(r"^(\w+) = ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"LEVEL", "FOLDER", "N"} <= set(names)
    environment = {**os.environ, **dict.fromkeys(names, "1")}
    done = subprocess.run(["make", "help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_changed_list_of_importable_folders_is_set_up_by_the_next_command(tmp_path: Path) -> None:
    """Nobody who pulls a new folder has to know that it must be set up."""
    listed = (ROOT / "infra/paths.txt").read_text().splitlines()
    assert set(re.findall(r"^FOLDER_\d := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)) < set(listed)
    assert [name for name in listed if not (ROOT / name).is_dir()] == []
    rule = re.search(r"^\$\(SYNCED\): (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    for name in ("infra/requirements/uv.txt", ".venvs/uv/bin/uv", *_needed(rule[1]), ".venvs/main/.synced"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    assert _is_current(tmp_path)
    os.utime(tmp_path / "infra/paths.txt", (2, 2))
    assert not _is_current(tmp_path)


def _needed(rule: str) -> list[str]:
    folders = dict(re.findall(r"^(FOLDER_\d) := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    return [re.sub(r"\$\((\w+)\)", lambda name: folders[name[1]], each) for each in rule.split() if each != "$(UV)"]


def _is_current(clone: Path) -> bool:
    asked = subprocess.run(["make", "--question", ".venvs/main/.synced"], cwd=clone, check=False)
    return asked.returncode == 0
