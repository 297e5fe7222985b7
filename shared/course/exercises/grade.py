"""Grades the exercises of a level: runs the checks, prints the table, writes ``.run/grade/N.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from rich.text import Text

from course.exercises.isolation import run_check
from servekit.json_file import write_json
from workbench.hardware import HardwareStamp, hardware_stamp
from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["Grade", "Graded", "grade_exercise", "print_grade", "read_grade", "write_grade"]

State = Literal["solved", "not yet", "to do"]
_STYLES = {"solved": "bold green", "not yet": "bold yellow", "to do": "dim"}


class Graded(msgspec.Struct, frozen=True):
    """The grade of one exercise.

    Attributes:
        points: those earned: all of `max_points` once every check passes, none before.
        passed: how many checks passed before the first that did not; the rest is not run.
        failing: the first failing check as a sentence; empty when solved.
        message: what it says.
    """

    id: str
    title: str
    file: str
    state: State
    points: int
    max_points: int
    passed: int
    checks: int
    failing: str = ""
    message: str = ""


class Grade(msgspec.Struct, frozen=True):
    """The contents of ``.run/grade/N.json``."""

    level: int
    solved: int
    points: int
    max_points: int
    exercises: list[Graded]
    hardware: HardwareStamp


def grade_exercise(catalogue: Catalogue, exercise: Exercise, answers: Path) -> Graded:
    """The grade of an exercise, after its checks of the answer in the folder `answers`, up to the first that fails."""
    names = catalogue.checks(exercise)
    state: State = "solved"
    passed, failing, message = 0, "", ""
    for name in names:
        verdict = run_check(catalogue.checks_file(exercise), name, answers / exercise.file, exercise.timeout_s)
        if verdict.state != "passed":
            state = "to do" if verdict.state == "to do" else "not yet"
            failing, message = name.removeprefix("check_").replace("_", " "), verdict.message
            break
        passed += 1
    points = exercise.points if state == "solved" else 0
    figures = (points, exercise.points, passed, len(names))
    return Graded(exercise.id, exercise.title, exercise.file, state, *figures, failing, message)


def write_grade(level: int, graded: list[Graded], folder: Path = Path(".run/grade")) -> Grade:
    """Writes the result as JSON, and returns it."""
    solved = sum(each.state == "solved" for each in graded)
    points, most = sum(each.points for each in graded), sum(each.max_points for each in graded)
    grade = Grade(level, solved, points, most, graded, hardware_stamp())
    write_json(folder / f"{level}.json", grade)
    return grade


def read_grade(path: Path) -> Grade | None:
    """The result of an earlier run; None when it is missing or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Grade)
    except (OSError, msgspec.MsgspecError):
        return None


def print_grade(graded: Iterable[Graded], hints: dict[str, str], console: Console) -> None:
    """Prints a row for each exercise: state and points, and for an open one the failing check and its hint."""
    table = make_table(console, "", "exercise", "state", "first failing check, and a hint")
    for each in graded:
        state = (f"{each.passed}/{each.checks} checks", f"{each.points}/{each.max_points} points")
        table.add_row(
            each.id,
            Text.assemble((each.title, "bold"), "\n", (each.file, "cyan")),
            Text.assemble((each.state, _STYLES[each.state]), "\n", ("\n".join(state), "dim")),
            _trouble(each, hints[each.id]),
        )
    console.print(table)


def _trouble(each: Graded, hint: str) -> Text:
    if each.state == "solved":
        return Text("every check passes", "green")
    what = Text.assemble(("✗ ", "red"), (each.failing, "bold"))
    reason = Text.assemble("\n", (each.message, "red")) if each.state == "not yet" else Text("")
    return Text.assemble(what, reason, ("\nhint: ", "cyan"), hint)
