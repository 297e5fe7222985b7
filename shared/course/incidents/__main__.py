"""``make incident`` plants a fault, lets the learner find it, explains it, and restores the level."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from course.incidents.held import IncidentError, PlantedFault
from course.incidents.story import StoryError, read_stories
from course.prose import prose
from servekit.json_file import write_json
from workbench.terminal import make_console, make_table
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from course.incidents.story import Story

__all__ = ["PAGER", "announced", "main"]

_FOLDER = ROOT / "interview" / "incidents"
PAGER = Path(".learn/incident.json")
"""What the console reads of an incident that is open."""

_CANNOT = 2
_INTERRUPTED = 130
_ASK = "[cyan]Enter[/] when you know, or give up · [cyan]s[/] the symptoms again: "


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one drill; returns 0 when the level is restored, 1 when it cannot be broken or repaired, 2 without one."""
    options = _parser().parse_args(argv)
    console = make_console()
    try:
        stories = read_stories(_FOLDER)
        if options.list:
            return _list(stories, console)
        return _drill(_choose(stories, options.id, options.seed), console, agreed=options.yes)
    except (StoryError, IncidentError) as error:
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        return _CANNOT if isinstance(error, StoryError) else 1
    except KeyboardInterrupt:
        console.print("\ninterrupted: the level is as it was")
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m course.incidents", description=__doc__)
    parser.add_argument("id", nargs="?", help="the incident (default: any)")
    parser.add_argument("--list", action="store_true", help="list the incidents, without their causes")
    parser.add_argument("--yes", action="store_true", help="plant the fault without asking")
    parser.add_argument("--seed", type=int, help="seed of the random choice")
    return parser


def _choose(stories: dict[str, Story], wanted: str | None, seed: int | None) -> Story:
    if wanted and wanted not in stories:
        raise StoryError(f"incident {wanted}: expected one of {', '.join(stories)}")
    return stories[wanted or random.Random(seed).choice(sorted(stories))]  # noqa: S311 - not a secret


def _list(stories: dict[str, Story], console: Console) -> int:
    table = make_table(console, "id", "level", "what you are told")
    for story in stories.values():
        table.add_row(story.id, str(story.level), story.title)
    console.print(table)
    return 0


def _drill(story: Story, console: Console, *, agreed: bool) -> int:
    console.print(f"[bold]{story.title}[/]")
    question = f"This breaks the level {story.level} that runs here, and repairs it at the end. Go on? [y/N] "
    if not agreed and _answer(console, Text(question)) not in {"y", "yes"}:
        console.print("nothing was broken")
        return 0
    with console.status("planting the fault") as status:
        held = PlantedFault(story.id, story.level)
        with held, announced(story):
            status.stop()
            _investigate(story, held, console)
            console.print("restoring …", style="dim")
    console.print(f"[bold green]restored[/]: level {story.level} is healthy")
    return 0


@contextmanager
def announced(story: Story, file: Path = PAGER) -> Iterator[None]:
    """Writes the incident into a file meanwhile, without its cause: the console shows it with a clock."""
    told = story.sections["What you are told"]
    write_json(file, {"level": story.level, "pager": told, "began": time.time(), "pid": os.getpid()})
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _investigate(story: Story, held: PlantedFault, console: Console) -> None:
    console.print(prose(story.sections["What you are told"]))
    _bullets(console, "what you see", held.first_symptoms)
    _section(console, story, "Where to look")
    while _answer(console, Text.from_markup(_ASK)) == "s":
        _bullets(console, "what you see", held.ask("symptoms"))
    _section(console, story, "Cause")
    _bullets(console, "at this moment", held.ask("evidence"))
    for heading in ("Evidence", "Fix", "Never again"):
        _section(console, story, heading)


def _section(console: Console, story: Story, heading: str) -> None:
    console.print(f"\n[bold]{heading}[/]")
    console.print(prose(story.sections[heading]))


def _bullets(console: Console, heading: str, lines: list[str]) -> None:
    console.print(f"\n[bold]{heading}[/]")
    for line in lines:
        console.print(Text(f" • {line}"))


def _answer(console: Console, prompt: Text) -> str:
    """The typed line in lower case; empty without a terminal."""
    try:
        return console.input(prompt).strip().lower()
    except EOFError:
        console.print()
        return ""


if __name__ == "__main__":
    sys.exit(main())
