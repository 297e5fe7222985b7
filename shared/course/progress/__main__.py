"""``make progress`` shows where the learner stands, and what comes next."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.text import Text

from course.drill.memory import MemoryUnreadableError
from course.drill.questions import QuestionError
from course.exercises.catalogue import CatalogueError
from course.exercises.state import StateError
from course.progress.levels import levels_table
from course.progress.practice import practice_table
from workbench.terminal import make_console

__all__ = ["main"]

_CANNOT = 2


def main(root: Path = Path()) -> int:
    """Prints a row for each level and for each kind of practice; returns 2 when the learner's state is damaged."""
    console = make_console()
    try:
        console.print(levels_table(root, console))
        console.print()
        console.print(practice_table(root, console))
    except (CatalogueError, MemoryUnreadableError, QuestionError, StateError) as error:
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        return _CANNOT
    console.print("\nexercises: [bold]make learn[/]; all of it in a browser: [bold]make console[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
