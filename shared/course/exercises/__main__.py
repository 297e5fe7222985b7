"""The command behind ``make grade-N``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from course.exercises.catalogue import CatalogueError, read_catalogue
from course.exercises.grade import grade_exercise, print_grade, write_grade
from course.exercises.learner import grade_answer, standing_hint
from course.exercises.state import StateError
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_CANNOT = 2
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns 0 when all graded exercises are solved, 1 when one is open, 2 when nothing can be graded.
    """
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except (CatalogueError, StateError) as error:
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        return _CANNOT
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m course.exercises", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    grade = commands.add_parser("grade", help="run the checks of a level's exercises")
    grade.add_argument("folder", type=Path, help="a level's exercises/")
    grade.add_argument("ids", nargs="*", metavar="ID", help="these exercises only; the result is not recorded then")
    grade.add_argument("--solutions", action="store_true", help="grade the solutions; the result is not recorded")
    grade.set_defaults(run=_grade)
    return parser


def _grade(options: argparse.Namespace) -> int:
    catalogue, console = read_catalogue(options.folder), make_console()
    exercises = catalogue.chosen(options.ids)
    graded = []
    with console.status("") as status:
        for exercise in exercises:
            status.update(f"checking {exercise.title}")
            if options.solutions:
                graded.append(grade_exercise(catalogue, exercise, options.folder / "solutions"))
            else:
                graded.append(grade_answer(catalogue, exercise))
    print_grade(graded, {exercise.id: standing_hint(catalogue, exercise) for exercise in exercises}, console)
    solved = sum(each.state == "solved" for each in graded)
    points = f"{sum(each.points for each in graded)} of {sum(each.max_points for each in graded)} points"
    console.print(f"[bold]{solved} of {len(graded)} solved[/], {points}")
    if not options.solutions and not options.ids:
        write_grade(catalogue.level, graded)
    return 0 if solved == len(graded) else 1


if __name__ == "__main__":
    sys.exit(main())
