"""No exercise is passed by a constant, a stub, or a table of the examples that anyone may read in its checks."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

from course.exercises.catalogue import read_catalogues
from course.exercises.grade import grade_exercise
from course.exercises.learner import find
from course.exercises.work import open_work
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUES = read_catalogues(ROOT)


class Cheat(NamedTuple):
    """A text in place of an exercise's file, or of a file in its folder, or added to it."""

    exercise: str
    title: str
    file: str
    added: bool
    text: str


def read_cheats() -> list[Cheat]:
    heading = r"^## (?P<name>\S+) · (?P<title>[^·\n]+?)(?: · (?P<file>\S+\.yaml|Dockerfile))?(?P<added> · added)?\n\n"
    pattern = heading + r"```\w+\n(?P<text>.*?)^```"
    page = (ROOT / "tests/course/cheats.md").read_text(encoding="utf-8")
    found = re.finditer(pattern, page, re.DOTALL | re.MULTILINE)
    return [Cheat(each["name"], each["title"], each["file"] or "", bool(each["added"]), each["text"]) for each in found]


CHEATS = read_cheats()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IRIS_MODEL_DIR", str(model_dir))


def test_every_exercise_has_a_cheat_that_is_tried() -> None:
    names = {catalogue.name(each) for catalogue in CATALOGUES for each in catalogue.exercises}
    assert {cheat.exercise for cheat in CHEATS} == names


@pytest.mark.slow
@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: f"{cheat.exercise}-{cheat.title}")
def test_a_cheat_does_not_pass(cheat: Cheat) -> None:
    catalogue, exercise = find(CATALOGUES, cheat.exercise)
    work = open_work(catalogue, exercise)
    target = work / cheat.file if cheat.file else work
    starter = target.read_text(encoding="utf-8").partition("if __name__")[0] if cheat.added else ""
    target.write_text(f"{starter}\n\n{cheat.text}", encoding="utf-8")
    graded = grade_exercise(catalogue, exercise, work.parent)
    assert graded.state == "not yet"
    slip = ("NameError", "is not defined", "AttributeError", "SyntaxError", "ImportError", "no such file")
    assert not any(word in graded.message for word in slip), graded.message


@pytest.mark.slow
def test_a_solution_passes_where_a_learner_works() -> None:
    # manifests name other folders by relative paths: a copy must still find them
    for name in ("1.5", "2.5", "3.5"):
        catalogue, exercise = find(CATALOGUES, name)
        work = open_work(catalogue, exercise)
        (answer,) = [path for path in work.glob("*.yaml") if path.name != "kustomization.yaml"]
        shutil.copyfile(catalogue.folder / "solutions" / exercise.file / answer.name, answer)
        graded = grade_exercise(catalogue, exercise, work.parent)
        assert (graded.state, graded.message) == ("solved", "")
