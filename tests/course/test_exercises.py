"""The exercises of every level: as shipped none passes, each solution does, and they teach what the code does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from course.exercises.catalogue import Catalogue, Exercise, read_catalogue
from course.exercises.grade import grade_exercise
from exercises.checks import ex1_culprit
from iris_api.domain.diagnosis import diagnose
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUES = [read_catalogue(file.parent) for file in sorted(ROOT.glob("0*-*/exercises/exercises.toml"))]
EXERCISES = [
    pytest.param(catalogue, exercise, id=f"{catalogue.level}-{exercise.id}")
    for catalogue in CATALOGUES
    for exercise in catalogue.exercises
]
COMPUTES = {
    *("1-2", "1-4", "1-5", "1-7", "1-8", "2-4", "2-5", "2-6", "2-7", "2-8"),
    *("3-1", "3-2", "3-3", "3-4", "3-5", "3-8", "3-11"),
}
"""Whose checks train, render, simulate or start servers, which costs half a second or more."""

GRADED = [
    pytest.param(*each.values, id=each.id, marks=[pytest.mark.slow] if each.id in COMPUTES else [])
    for each in EXERCISES
]


@pytest.fixture(autouse=True)
def trained(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_MODEL_DIR", str(model_dir))


@pytest.mark.parametrize(("catalogue", "exercise"), GRADED)
def test_the_stub_fails_as_shipped(catalogue: Catalogue, exercise: Exercise) -> None:
    graded = grade_exercise(catalogue, exercise, catalogue.folder)
    assert graded.state != "solved"
    assert graded.points == 0
    assert graded.message


@pytest.mark.parametrize(("catalogue", "exercise"), GRADED)
def test_the_solution_passes(catalogue: Catalogue, exercise: Exercise) -> None:
    graded = grade_exercise(catalogue, exercise, catalogue.folder / "solutions")
    assert (graded.state, graded.failing, graded.message) == ("solved", "", "")
    assert graded.points == exercise.points


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda catalogue: str(catalogue.level))
def test_a_levels_exercises_add_up_to_a_hundred_points(catalogue: Catalogue) -> None:
    assert sum(exercise.points for exercise in catalogue.exercises) == 100
    assert len({exercise.id for exercise in catalogue.exercises}) == len(catalogue.exercises)


@pytest.mark.parametrize(("catalogue", "exercise"), EXERCISES)
def test_an_exercise_says_what_it_takes_and_gives_three_hints(catalogue: Catalogue, exercise: Exercise) -> None:
    assert 5 <= exercise.minutes <= 15
    assert len(set(exercise.hints)) == 3
    assert all(len(text) > 40 for text in (*exercise.hints, exercise.why))
    assert exercise.skill.startswith(("to ", "what "))
    assert f"]({exercise.file}" in (catalogue.folder / "README.md").read_text()


@pytest.mark.parametrize(("catalogue", "exercise"), EXERCISES)
def test_the_line_that_does_the_same_in_the_real_system_exists(catalogue: Catalogue, exercise: Exercise) -> None:
    assert catalogue.name(exercise)[0] in "123"
    file, number = exercise.real.place(ROOT).split(":")
    lines = (ROOT / file).read_text().splitlines()
    assert exercise.real.text in lines[int(number) - 1]
    assert sum(exercise.real.text in line for line in lines[: int(number)]) == 1
    assert "exercises" not in file


def test_the_first_exercise_takes_five_minutes_and_needs_nothing() -> None:
    first = CATALOGUES[0].exercises[0]
    assert (CATALOGUES[0].name(first), first.minutes) == ("1.0", 5)
    checks = CATALOGUES[0].checks_file(first).read_text(encoding="utf-8")
    assert "iris_api" not in checks  # neither a model nor a server


def test_the_api_itself_words_its_refusals_as_exercise_1_teaches() -> None:
    cases = ex1_culprit.NOT_OBJECTS | ex1_culprit.NAMED_WRONG | ex1_culprit.NOT_NUMBERS | ex1_culprit.NOT_LENGTHS
    said = {body: (int(diagnose(body).status), str(diagnose(body))) for body in cases if body != b"[5.1]"}
    assert said == {body: (422, message) for body, message in cases.items() if body != b"[5.1]"}
    assert str(diagnose(b"[5.1]")).startswith("flowers[0] 5.1: expected an object with ")  # there, a list is a batch
    assert str(diagnose(b"{")).startswith("body: not JSON: ")
