"""Exercise 1.8 where Docker is: the learner's image is built and started, and nothing of it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from course.exercises.catalogue import read_catalogues
from course.exercises.grade import Graded, grade_exercise
from course.exercises.image import local_base, see_in_docker
from course.exercises.learner import find
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.images import ContainerEngine

pytestmark = pytest.mark.images

CATALOGUE, EXERCISE = find(read_catalogues(ROOT), "1.8")
SOLUTION = CATALOGUE.folder / "solutions" / EXERCISE.file / "Dockerfile"


@pytest.fixture(autouse=True)
def base(engine: ContainerEngine) -> None:
    if local_base(engine) is None:
        pytest.skip("no Python image is in the engine: infra/docker/standin-base.sh makes one")


def graded(tmp_path: Path, right: str = "", wrong: str = "") -> Graded:
    text = SOLUTION.read_text()
    assert right in text
    folder = tmp_path / EXERCISE.file
    folder.mkdir()
    (folder / "Dockerfile").write_text(text.replace(right, wrong))
    return grade_exercise(CATALOGUE, EXERCISE, tmp_path)


def left_behind(engine: ContainerEngine) -> list[str]:
    images = engine.run("image", "ls", "--format={{.Repository}}").split()
    containers = engine.run("ps", "--all", "--format={{.Image}}").split()
    return [name for name in images + containers if name.startswith("exercise-")]


def test_the_solution_runs_as_nobody_in_particular_and_stops_when_told(engine: ContainerEngine) -> None:
    assert see_in_docker(SOLUTION.read_text()) == ("", 10001, 0)
    assert not left_behind(engine)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("COPY iris_api /app/iris_api", "COPY iris_api /srv/iris_api", "No module named iris_api"),
        (
            "COPY requirements.txt /build/",
            "COPY requirements-1.txt /build/requirements.txt",
            "requirements-1.txt",
        ),
        ("127.0.0.1:8100/readyz", "127.0.0.1:8101/readyz", "not healthy within 20 s: "),
    ],
)
def test_an_image_that_keeps_every_rule_and_does_not_run_is_not_passed(
    engine: ContainerEngine, tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    found = graded(tmp_path, right, wrong)
    assert found.state == "not yet"
    assert found.failing == "it starts answers and stops where docker is"
    assert said in found.message
    assert not left_behind(engine)


def test_without_docker_or_an_image_the_rules_alone_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER", "/nowhere/docker")
    assert see_in_docker(SOLUTION.read_text()) is None
    assert graded(tmp_path).state == "solved"
