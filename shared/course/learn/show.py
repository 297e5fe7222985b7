"""What is shown of an exercise, for a terminal of any kind: what to do, what a check found, and its solution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.text import Text

from course.exercises.learner import solution_files
from course.exercises.work import work_of
from workbench.terminal import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from course.exercises.catalogue import Catalogue, Exercise
    from course.exercises.grade import Graded

__all__ = ["finding", "solution", "task"]


def task(catalogue: Catalogue, exercise: Exercise) -> RenderableType:
    """What an exercise is about, and which file to open."""
    return Text.assemble(
        (f"{catalogue.name(exercise)} · {exercise.title}", "bold"),
        f" · about {exercise.minutes} minutes, {exercise.points} points\n",
        f"You learn {exercise.skill}.\n",
        "Open in your editor: ",
        (str(work_of(catalogue, exercise)), "cyan"),
        "; its first lines say what to write.",
    )


def finding(graded: Graded) -> RenderableType:
    """What the checks found: all well, or the first that fails, with what came and what was expected."""
    if graded.state == "solved":
        return Text(f"✓ all {graded.checks} checks pass: {graded.points} points", "bold green")
    head = f"✗ {graded.passed} of {graded.checks} checks pass. The first that fails: "
    style = "cyan" if graded.state == "to do" else "red"
    return Text.assemble((head, "yellow"), (graded.failing, "bold"), "\n", (f"  {printable(graded.message)}", style))


def solution(catalogue: Catalogue, exercise: Exercise) -> RenderableType:
    """The reference solution, why it is so, and the line in the real system that does the same.

    Raises:
        CatalogueError: that line is not there.
    """
    files: list[RenderableType] = []
    for path in solution_files(catalogue, exercise):
        files += [Text(str(path), "cyan"), Syntax(path.read_text(encoding="utf-8"), _language(path.suffix))]
    return Group(
        *files,
        Markdown(f"**Why so.** {exercise.why}"),
        Text.assemble("\nThe real system does it here: ", (exercise.real.place(), "cyan"), "\n  ", exercise.real.text),
    )


def _language(suffix: str) -> str:
    return "python" if suffix == ".py" else "yaml"
