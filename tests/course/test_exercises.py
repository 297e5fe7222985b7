"""The exercises of every level: as shipped none passes, each solution does, and they teach what the code does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from course.exercises.catalogue import Catalogue, Exercise, read_catalogue
from course.exercises.grade import grade_exercise, read_grade
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


@pytest.fixture(autouse=True)
def trained(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_MODEL_DIR", str(model_dir))


def solved_here(catalogue: Catalogue) -> set[str]:
    """What a learner has solved in this checkout, by `make grade-N`: their tests must not fail for it."""
    grade = read_grade(ROOT / f".run/grade/{catalogue.level}.json")
    return {each.id for each in grade.exercises if each.state == "solved"} if grade else set()


@pytest.mark.parametrize(("catalogue", "exercise"), EXERCISES)
def test_the_stub_fails_as_shipped(catalogue: Catalogue, exercise: Exercise) -> None:
    if exercise.id in solved_here(catalogue):
        pytest.skip("solved in this checkout: well done")
    graded = grade_exercise(catalogue, exercise, catalogue.folder)
    assert graded.state != "solved"
    assert graded.points == 0
    assert graded.message


@pytest.mark.parametrize(("catalogue", "exercise"), EXERCISES)
def test_the_solution_passes(catalogue: Catalogue, exercise: Exercise) -> None:
    graded = grade_exercise(catalogue, exercise, catalogue.folder / "solutions")
    assert (graded.state, graded.failing, graded.message) == ("solved", "", "")
    assert graded.points == exercise.points


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda catalogue: str(catalogue.level))
def test_a_levels_exercises_add_up_to_a_hundred_points(catalogue: Catalogue) -> None:
    assert sum(exercise.points for exercise in catalogue.exercises) == 100
    assert len({exercise.id for exercise in catalogue.exercises}) == len(catalogue.exercises)


def test_the_api_itself_words_its_refusals_as_exercise_1_teaches() -> None:
    cases = ex1_culprit.NOT_OBJECTS | ex1_culprit.NAMED_WRONG | ex1_culprit.NOT_NUMBERS | ex1_culprit.NOT_LENGTHS
    said = {body: (int(diagnose(body).status), str(diagnose(body))) for body in cases if body != b"[5.1]"}
    assert said == {body: (422, message) for body, message in cases.items() if body != b"[5.1]"}
    assert str(diagnose(b"[5.1]")).startswith("flowers[0] 5.1: expected an object with ")  # there, a list is a batch
    assert str(diagnose(b"{")).startswith("body: not JSON: ")
