from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from course.exercises import CheckFailedError, expect, expect_equal, load
from course.exercises.__main__ import main
from course.exercises.catalogue import CatalogueError, read_catalogue
from course.exercises.child import main as child
from course.exercises.grade import read_grade
from course.exercises.isolation import CheckVerdict, run_check
from tests.patience import until
from tests.small_course import DOUBLE, RIGHT
from workbench.processes import family, is_alive

CHECKS = """
from course.exercises import expect_equal, load

def check_it_doubles(answer):
    expect_equal("double(2)", load(answer).double(2), 4)

def check_it_doubles_words(answer):
    expect_equal("double('a')", load(answer).double("a"), "aa")

def not_a_check(answer):
    raise AssertionError
"""
TOML = f"{DOUBLE}timeout_s = 20\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A level with one exercise, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    exercises = tmp_path / "07-level" / "exercises"
    (exercises / "checks").mkdir(parents=True)
    (exercises / "solutions").mkdir()
    (exercises / "exercises.toml").write_text(TOML)
    (exercises / "checks" / "double.py").write_text(CHECKS)
    (exercises / "double.py").write_text("def double(x):\n    raise NotImplementedError\n")
    (exercises / "solutions" / "double.py").write_text(RIGHT)
    (exercises.parent / "real.py").write_text(RIGHT)
    return exercises


def verdict(folder: Path, code: str, timeout_s: float = 30) -> CheckVerdict:
    answer = folder / "double.py"
    answer.write_text(code)
    return run_check(folder / "checks" / "double.py", "check_it_doubles", answer, timeout_s)


def test_an_expectation_names_the_thing_its_value_and_what_was_expected() -> None:
    expect_equal("double(2)", 4, 4)
    expect(True, "")
    with pytest.raises(CheckFailedError, match=r"^double\(2\) 5: expected 4$"):
        expect_equal("double(2)", 5, 4)
    with pytest.raises(CheckFailedError) as caught:
        expect_equal("text", "x" * 1000, "")
    assert len(str(caught.value)) < 250


def test_only_python_files_are_loaded(tmp_path: Path) -> None:
    with pytest.raises(CheckFailedError, match=r"^notes.txt: expected a Python file$"):
        load(tmp_path / "notes.txt")


def test_a_right_answer_passes(folder: Path) -> None:
    assert verdict(folder, RIGHT) == CheckVerdict("passed")


INDENT = "IndentationError: expected an indented block after function definition on line 1"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def double(x):\n    return x\n", "double(2) 2: expected 4"),
        ("def double(x)\n", "double.py, line 1: SyntaxError: expected ':'"),
        ("def double(x):\nreturn x\n", f"double.py, line 2: {INDENT}"),
        ("def double(x):\n    return x / 0\n", "double.py, line 2: ZeroDivisionError: division by zero"),
        ("import nowhere\n", "double.py, line 1: ModuleNotFoundError: No module named 'nowhere'"),
        ("def twice(x):\n    return 2 * x\n", "AttributeError: module 'double' has no attribute 'double'"),
        ("import sys\nsys.exit(3)\n", "the process ended itself (exit status 3) before the check was over"),
        ("import os\nprint('bye', flush=True)\nos._exit(0)\n", "the process ended itself (exit status 0)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "the process was ended by SIGSEGV before"),
    ],
)
def test_whatever_an_answer_does_is_told_in_a_sentence(folder: Path, code: str, message: str) -> None:
    found = verdict(folder, code)
    assert found.state == "failed"
    assert found.message.startswith(message)
    assert "Traceback" not in found.message


@pytest.mark.slow
def test_an_endless_loop_is_ended_with_all_it_started(folder: Path) -> None:
    started = folder / "pid"
    code = (
        "import pathlib, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(started)!r}).write_text(str(child.pid))\n"
        "while True: pass\n"
    )
    for timeout_s in (2, 8, 32):  # on a busy machine it may not come to the loop in time
        found = verdict(folder, code, timeout_s)
        if started.exists():
            break
    assert found.message == f"still running after {timeout_s} s: an endless loop, or a wait for what never comes?"
    until(lambda: not any(map(is_alive, family(int(started.read_text())))), "ended with its parent")


def test_a_flood_of_output_or_memory_ends_as_an_error_of_its_own(folder: Path) -> None:
    assert verdict(folder, "while True: print('x' * 100_000)\n").message.startswith("double.py, line 1: OSError")
    assert verdict(folder, "x = 'x' * 10**11\n").message == "double.py, line 1: MemoryError"


def test_an_answer_that_is_gone_is_named(folder: Path) -> None:
    (folder / "double.py").unlink()
    found = run_check(folder / "checks" / "double.py", "check_it_doubles", folder / "double.py", 30)
    assert found.message == "double.py: no such file: make reset E=… brings the starter back"


def test_the_verdict_is_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)  # it would hold for the tests themselves
    words = [
        str(folder / "checks" / "double.py"),
        "check_it_doubles",
        str(folder / "double.py"),
        str(folder / "v.json"),
    ]
    child(*words)
    found = msgspec.json.decode((folder / "v.json").read_bytes())
    assert found == {"state": "to do", "message": "not written yet: double (line 2)"}


def test_grading_prints_the_first_failing_check_with_its_hint_and_writes_the_result(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grade", str(folder)]) == 1
    printed = capsys.readouterr().out
    assert "to do" in printed
    assert "✗ it doubles" in printed
    assert "hint: make hint E=7.1" in printed
    assert "0 of 1 solved, 0 of 10 points" in printed
    (folder / "double.py").write_text("def double(x):\n    return 2 * x if x == 2 else x\n")
    assert main(["grade", str(folder)]) == 1
    assert "double('a') 'a': expected 'aa'" in capsys.readouterr().out
    grade = read_grade(Path(".run/grade/7.json"))
    assert grade
    assert (grade.solved, grade.points, grade.max_points) == (0, 0, 10)
    assert (grade.exercises[0].passed, grade.exercises[0].checks) == (1, 2)
    assert grade.hardware["cores"] >= 1


def test_only_a_whole_run_of_the_learners_answers_is_recorded(folder: Path) -> None:
    assert main(["grade", str(folder), "--solutions"]) == 0
    assert main(["grade", str(folder), "1"]) == 1
    assert not Path(".run").exists()
    (folder / "double.py").write_text(RIGHT)
    assert main(["grade", str(folder)]) == 0
    assert Path(".run/grade/7.json").exists()


def test_what_cannot_be_graded_is_an_error_of_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grade", str(folder), "9"]) == 2
    assert capsys.readouterr().err == "error: exercise 9: expected one of 1\n"
    (folder / "checks" / "double.py").write_text("")
    with pytest.raises(CatalogueError, match=r"double\.py: expected functions named check_…"):
        read_catalogue(folder)
    (folder / "exercises.toml").write_text("level = 7\nexercises = 3\n")
    with pytest.raises(CatalogueError, match="expected the exercises of a level"):
        read_catalogue(folder)
    with pytest.raises(CatalogueError, match="No such file or directory"):
        read_catalogue(folder / "nowhere")
