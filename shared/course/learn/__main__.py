"""The commands behind ``make learn``, ``make hint``, ``make solution`` and ``make reset``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from course.exercises.catalogue import CatalogueError, read_catalogues
from course.exercises.learner import find, peek, take_hint
from course.exercises.state import StateError, read_record, read_records
from course.exercises.work import reset_work, work_of
from course.learn.plain import converse
from course.learn.show import solution
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["is_full_terminal", "main"]

_CANNOT = 2
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command, without one the whole course; returns 0, or 2 when it cannot be done or was not confirmed."""
    options = _parser().parse_args(argv)
    try:
        catalogues = read_catalogues(Path())
        if not options.command:
            return _learn(catalogues)
        return int(options.run(*find(catalogues, options.exercise)))
    except (CatalogueError, StateError) as error:
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        return _CANNOT
    except OSError as error:
        said = f"{error.filename}: {error.strerror}: free some space, or make the folder writable"
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), said), soft_wrap=True)
        return _CANNOT
    except KeyboardInterrupt:
        return _INTERRUPTED


def _learn(catalogues: list[Catalogue]) -> int:
    if not is_full_terminal():
        return converse(catalogues, make_console(), sys.stdin)
    from course.learn.screen import LearnApp  # noqa: PLC0415 - half a second that the other commands need not wait

    read_records()  # what cannot be read is said before the screen is taken
    LearnApp(catalogues).run()
    return 0


def is_full_terminal() -> bool:
    """Whether a person sits at a terminal that can move its cursor."""
    able = os.environ.get("TERM", "dumb") != "dumb"
    return able and sys.stdin.isatty() and sys.stdout.isatty()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m course.learn", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, run, words in (
        ("hint", _hint, "take the next of an exercise's three hints"),
        ("solution", _solution, "show the reference solution, and why it is so"),
        ("reset", _reset, "begin an exercise anew; your work is kept in .learn/backups"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("exercise", metavar="EXERCISE", help="its level and number, such as 1.3")
        command.set_defaults(run=run)
    return parser


def _hint(catalogue: Catalogue, exercise: Exercise) -> int:
    say(f"hint {take_hint(catalogue, exercise)}")
    return 0


def _solution(catalogue: Catalogue, exercise: Exercise) -> int:
    name = catalogue.name(exercise)
    if not read_record(name).passed and not _agreed(name):
        return _CANNOT
    peek(catalogue, exercise)
    make_console().print(solution(catalogue, exercise))
    return 0


def _agreed(name: str) -> bool:
    """Whether the learner wants to see the solution of what is not solved yet; ``YES=1`` is an answer."""
    if os.environ.get("YES"):
        return True
    if not sys.stdin.isatty():
        say(f"exercise {name}: not solved yet; to see its solution all the same, add YES=1", stderr=True)
        return False
    say(f"exercise {name} is not solved yet, and make hint E={name} may be enough. Show its solution? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _reset(catalogue: Catalogue, exercise: Exercise) -> int:
    backup = reset_work(catalogue, exercise)
    if backup:
        say(f"your work is kept in {backup}")
    say(f"{work_of(catalogue, exercise)} is the starter again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
