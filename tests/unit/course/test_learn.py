from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from course.exercises.__main__ import main as exercises
from course.exercises.catalogue import CatalogueError, RealLine, read_catalogue
from course.exercises.learner import find
from course.exercises.work import open_work, work_of
from course.learn.__main__ import main
from course.progress.__main__ import main as progress
from tests.small_course import RIGHT, Terminal, write_course


@pytest.fixture(autouse=True)
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("YES", raising=False)
    return write_course(tmp_path)


def state() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(Path(".learn/state.json").read_text())["exercises"]
    return found


def test_hints_come_one_at_a_time_and_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for _ in range(4):
        assert main(["hint", "7.1"]) == 0
        said.append(capsys.readouterr().out.strip())
    assert said == [
        "hint 1 of 3: think of two",
        "hint 2 of 3: look at +",
        "hint 3 of 3: x + x",
        "hint 3 of 3: x + x",
    ]
    assert state()["7.1"]["hints"] == 3
    exercises(["grade", "07-level/exercises"])
    assert "hint: 3 of 3: x + x" in capsys.readouterr().out


def test_an_exercise_that_does_not_exist_is_an_error_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hint", "7.9"]) == 2
    assert capsys.readouterr().err == "error: exercise 7.9: expected one of 7.1, 7.2\n"
    assert main(["hint", ""]) == 2
    assert capsys.readouterr().err.startswith("error: exercise (none): expected one of 7.1")


def test_work_is_copied_once_and_graded_where_it_lies(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalogue, exercise = find([read_catalogue(course)], "7.1")
    work = open_work(catalogue, exercise)
    assert work == Path(".learn/7/double.py")
    assert work.read_bytes() == (course / "double.py").read_bytes()
    work.write_text(RIGHT)
    assert open_work(catalogue, exercise).read_text() == RIGHT
    assert exercises(["grade", str(course), "1"]) == 0
    assert "1 of 1 solved, 10 of 10 points" in capsys.readouterr().out
    assert state()["7.1"]["passed"]
    assert "raise NotImplementedError" in (course / "double.py").read_text()
    progress()
    assert "10/20" in capsys.readouterr().out


def test_a_solved_exercise_stays_solved_in_the_progress(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalogue, exercise = find([read_catalogue(course)], "7.1")
    open_work(catalogue, exercise).write_text(RIGHT)
    exercises(["grade", str(course), "1"])
    first = state()
    shutil.rmtree(".learn/7")  # as on another machine, to which only the state was copied
    progress()
    assert "1/2" in capsys.readouterr().out
    work_of(catalogue, exercise).parent.mkdir()
    work_of(catalogue, exercise).write_text("broken again")
    exercises(["grade", str(course), "1"])
    assert state() == first


def test_a_copied_kustomization_names_the_same_folders(course: Path) -> None:
    catalogue, exercise = find([read_catalogue(course)], "7.2")
    work = open_work(catalogue, exercise)
    lines = (work / "kustomization.yaml").read_text().splitlines()
    targets = [line.removeprefix("  - ") for line in lines if line.startswith("  - ")]
    assert targets == ["base", "../../../07-level/deploy/base"]
    assert (work / targets[1]).resolve() == (course.parent / "deploy" / "base").resolve()
    assert (work / "base" / "notes.txt").read_text() == "given"


def test_a_reset_keeps_the_work(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reset", "7.1"]) == 0
    assert capsys.readouterr().out == ".learn/7/double.py is the starter again\n"
    Path(".learn/7/double.py").write_text("my work")
    for _ in range(2):  # twice at once: the second must not take the first one's place
        assert main(["reset", "7.1"]) == 0
    assert "your work is kept in .learn/backups/7.1-" in capsys.readouterr().out
    kept = sorted(file.read_text() for file in Path(".learn/backups").glob("7.1-*/double.py"))
    assert kept == sorted(["my work", (course / "double.py").read_text()])
    assert Path(".learn/7/double.py").read_bytes() == (course / "double.py").read_bytes()


def test_a_solution_is_shown_with_its_reason_and_the_real_line(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue, exercise = find([read_catalogue(course)], "7.1")
    open_work(catalogue, exercise).write_text(RIGHT)
    exercises(["grade", str(course), "1"])
    capsys.readouterr()
    assert main(["solution", "7.1"]) == 0
    printed = capsys.readouterr().out
    assert "return x + x" in printed
    assert "a sum works for words too" in printed
    assert "07-level/real.py:2" in printed
    assert state()["7.1"]["peeked"] == ""


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 2), ("", 2)])
def test_a_solution_before_passing_is_confirmed_and_noted(
    answer: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert main(["solution", "7.1"]) == status
    assert ("return x + x" in capsys.readouterr().out) is (status == 0)
    assert Path(".learn/state.json").exists() is (status == 0)


def test_where_nobody_is_there_to_confirm_yes_is_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["solution", "7.1"]) == 2
    assert "add YES=1" in capsys.readouterr().err
    monkeypatch.setenv("YES", "1")
    assert main(["solution", "7.1"]) == 0
    assert state()["7.1"]["peeked"]


def test_a_state_that_cannot_be_read_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".learn").mkdir()
    Path(".learn/state.json").write_text("{")
    assert main(["hint", "7.1"]) == 2
    assert capsys.readouterr().err.startswith("error: .learn/state.json: ")
    assert progress() == 2
    assert Path(".learn/state.json").read_text() == "{"


def test_a_real_line_that_is_gone_is_named() -> None:
    with pytest.raises(CatalogueError, match=r"^07-level/real.py: no line contains 'return y'$"):
        RealLine("07-level/real.py", "return y").place()
    with pytest.raises(CatalogueError, match=r"^gone.py: No such file or directory: expected the file with 'x'$"):
        RealLine("gone.py", "x").place()


def test_what_was_saved_within_the_same_second_is_what_counts(course: Path) -> None:
    catalogue, exercise = find([read_catalogue(course)], "7.1")
    work, found = open_work(catalogue, exercise), []
    for sign in "+-":  # of the same size, and so soon that byte code would be taken for fresh
        work.write_text(f"def double(x):\n    return x {sign} x\n")
        found.append(exercises(["grade", str(course), "1"]))
    assert found == [0, 1]


def test_work_that_cannot_be_written_is_an_error_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".learn").write_text("a file where the folder belongs")
    assert main(["reset", "7.1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: .learn/7")
    assert said.endswith(": free some space, or make the folder writable\n")
