"""``make design`` lists systems to design; with ID=… it shows one, scores your design of it, then shows the rubric."""

from __future__ import annotations

import argparse
import random
import sys
from typing import TYPE_CHECKING

from rich.text import Text

from course.design.day import print_requirements, score_design, unit_of
from course.design.prompts import SECTIONS, DesignError, read_designs
from course.design.results import best_scores, design_file, keep_score, open_design, read_scores
from course.prose import prose
from workbench.arguments import count
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from course.design.prompts import Design

__all__ = ["main"]

_WRONG = 2
_GOOD = 80.0
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Lists the designs or works on one; returns 0, or 2 when it does not exist or the design was refused."""
    options = _parser().parse_args(argv)
    console = make_console()
    try:
        designs = read_designs()
        if not options.id and options.seed is None:
            return _list(designs, console)
        name = options.id or random.Random(options.seed).choice(sorted(designs))  # noqa: S311 - not a secret
        return _work_on(_named(designs, name), console, day=options.day, task=options.task)
    except DesignError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}: free some space, or make the folder writable")
    except KeyboardInterrupt:
        return _INTERRUPTED


def _named(designs: dict[str, Design], name: str) -> Design:
    if name not in designs:
        raise DesignError(f"design {name}: expected one of {', '.join(designs)}")
    return designs[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m course.design", description=__doc__)
    parser.add_argument("id", nargs="?", help="the design; without one, all are listed")
    parser.add_argument("--seed", type=int, help="choose a design by this number instead")
    parser.add_argument("--day", type=count, default=1, help="another day: other times, another traffic (default: 1)")
    parser.add_argument("--task", action="store_true", help="show the whole task again")
    return parser


def _failed(text: str) -> int:
    make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)
    return _WRONG


def _list(designs: dict[str, Design], console: Console) -> int:
    best = best_scores()
    table = make_table(console, "design", "", "level", "min", "best", numbers=2)
    for each in designs.values():
        score = f"{best[each.id]:g}" if each.id in best else "begun" if design_file(each.id).exists() else ""
        table.add_row(each.id, each.title, str(each.level), str(each.minutes), score)
    console.print(table)
    first = next((name for name in designs if name not in best), next(iter(designs)))
    console.print(f"Choose one: make design ID={first}", markup=False)
    return 0


def _work_on(design: Design, console: Console, *, day: int, task: bool) -> int:
    console.print(f"[bold]{design.title}[/]  [dim]{design.id}[/]\n")
    read_scores()  # what cannot be read is said before the work
    file, new = design_file(design.id), open_design(design.id, unit_of(design.id))
    if new or task:
        for heading in SECTIONS[:2]:
            console.print(prose(f"**{heading}**\n\n{design.sections[heading]}"))
    print_requirements(design.id, console)
    if new:
        console.print(
            f"[bold]Next:[/] think, draw, then write your design into [cyan]{file}[/] (a starter lies there, which "
            f"explains each line) and run [cyan]make design ID={design.id}[/] again: it runs a day of traffic against "
            "your design.\n"
        )
        _rubric(design, console, "Enter shows the rubric of the whiteboard, when you have drawn it; Ctrl-D leaves it: ")
        return 0
    console.print(f"A day of traffic against {file} …\n", style="dim")
    score = score_design(design.id, file, day, console)
    if score is None:
        console.print(f"Change {file}, then run make design ID={design.id} again.", markup=False)
        return _WRONG
    keep_score(design.id, score)
    if score >= _GOOD:
        place = f"interview/design/references/{design.id}.toml"
        console.print(f"The reference design, with its reasons: {place}", markup=False)
    _rubric(design, console, "Enter shows the rubric of the whiteboard; Ctrl-D leaves it: ")
    return 0


def _rubric(design: Design, console: Console, question: str) -> None:
    if sys.stdin.isatty():
        try:
            console.input(f"[cyan]{question}[/]")
        except EOFError:
            console.print()
            return
    for heading in SECTIONS[2:]:
        console.print(prose(f"**{heading}**\n\n{design.sections[heading]}"))


if __name__ == "__main__":
    sys.exit(main())
