"""``make incident`` plants a fault, waits for the alert, lets you find and repair it, and gives marks."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from course.incidents.catalogue import read_catalogue
from course.incidents.drill import Clock, Drill
from course.incidents.held import IncidentError, PlantedFault
from course.incidents.score import best_scores, record
from course.incidents.story import StoryError, read_stories
from course.incidents.watch import SPEED, AlertWatch, level_targets
from servekit.json_file import write_json
from workbench.arguments import positive
from workbench.stack import StackError, find_started, run_folder
from workbench.terminal import make_console, make_table
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from course.incidents.catalogue import Diagnoses
    from course.incidents.score import DrillOutcome
    from course.incidents.story import Story

__all__ = ["DONE", "PAGER", "announced", "main"]

_FOLDER = ROOT / "interview" / "incidents"
PAGER = Path(".learn/incident.json")
"""What the console reads of an incident that is open."""

DONE = Path(".learn/incidents.json")
"""The drills that were done: a list, a drill with its score and times each."""

_EXTRAS = "SHOP_EXTRAS"
_CANNOT = 2
_INTERRUPTED = 130
_BAR = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one drill; returns 0 when the level is restored, 1 when it cannot be broken or repaired, 2 without one."""
    options = _parser().parse_args(argv)
    console = make_console()
    try:
        stories, catalogue = read_stories(_FOLDER), read_catalogue(_FOLDER / "catalogue.toml")
        if options.list:
            return _list(stories, console)
        clock = Clock(hold_s=options.hold_s, settle_s=options.settle_s)
        return _drill(_choose(stories, options.id, options.seed), catalogue, console, clock, agreed=options.yes)
    except (StoryError, IncidentError, StackError) as error:
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        return _CANNOT if isinstance(error, StoryError) else 1
    except KeyboardInterrupt:
        console.print("\ninterrupted: the level is as it was")
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m course.incidents", description=__doc__)
    parser.add_argument("id", nargs="?", help="the incident (default: any of a level that is up)")
    parser.add_argument("--list", action="store_true", help="list the incidents, without their causes")
    parser.add_argument("--yes", action="store_true", help="plant the fault without asking")
    parser.add_argument("--seed", type=int, help="seed of the random choice")
    parser.add_argument("--hold-s", type=positive, default=Clock.hold_s, help="seconds for which the repair must hold")
    parser.add_argument("--settle-s", type=positive, default=Clock.settle_s, help="seconds within which it must work")
    return parser


def _choose(stories: dict[str, Story], wanted: str | None, seed: int | None) -> Story:
    if wanted and wanted not in stories:
        raise StoryError(f"incident {wanted}: expected one of {', '.join(stories)}")
    up = [story.id for story in stories.values() if _runs(story)]
    usual = [story.id for story in stories.values() if not story.extra]
    return stories[wanted or random.Random(seed).choice(sorted(up or usual))]  # noqa: S311 - not a secret


def _runs(story: Story) -> bool:
    """Whether the level is up that a story breaks, with what it needs beside it."""
    started = find_started(story.level, run_folder(story.level))
    return started is not None and story.extra in {"", started.settings.get(_EXTRAS)}


def _list(stories: dict[str, Story], console: Console) -> int:
    table = make_table(console, "level", "id", "difficulty", "best", "what you are told", numbers=(0, 3))
    for column in table.columns[:-1]:
        column.no_wrap = True
    longest, best = max(story.reference_s for story in stories.values()), best_scores(DONE)
    for story in sorted(stories.values(), key=lambda story: (story.level, story.reference_s)):
        bar = "█" * max(1, round(_BAR * story.reference_s / longest))
        score = str(best[story.id]) if story.id in best else ""
        table.add_row(
            f"{story.level}{'*' * bool(story.extra)}",
            story.id,
            f"{bar:{_BAR}} {story.reference_s} s",
            score,
            story.title,
        )
    console.print(table)
    console.print("difficulty: the seconds that the reference takes, from the alert to the repair", style="dim")
    for level, extra in sorted({(story.level, story.extra) for story in stories.values() if story.extra}):
        console.print(f"{level}*: level {level} must run with the {extra}: make up-{level} WITH={extra}", style="dim")
    return 0


def _drill(story: Story, catalogue: Diagnoses, console: Console, clock: Clock, *, agreed: bool) -> int:
    catalogue.check(story)
    question = f"This breaks the level {story.level} that runs here, and repairs it at the end. Go on? [y/N] "
    if not agreed and _answer(console, Text(question)).lower() not in {"y", "yes"}:
        console.print("nothing was broken")
        return 0
    console.print(
        f"The alert rules are those of infra/prometheus/rules; here their windows and waits are {SPEED:g} times "
        f"shorter, so that 5m is {300 / SPEED:g} s.",
        style="dim",
    )
    drill = Drill(story, catalogue, console, lambda prompt: _answer(console, prompt), clock)
    outcome = _held(drill, story, console)
    console.print(f"[bold green]restored[/]: level {story.level} is healthy")
    record(DONE, story, outcome, datetime.now(UTC))
    return 0


def _held(drill: Drill, story: Story, console: Console) -> DrillOutcome:
    with AlertWatch([story.alert], level_targets(story.level)) as watch:
        with console.status("starting the users, and breaking the level") as status:
            held = PlantedFault(story.id, story.level)
            with held, announced(story):
                status.stop()
                outcome = drill.run(held, watch, time.monotonic())
                console.print("restoring …", style="dim")
        return outcome


@contextmanager
def announced(story: Story, file: Path = PAGER) -> Iterator[None]:
    """Writes the incident into a file meanwhile, without its cause: the console shows it with a clock."""
    told = story.sections["What you are told"]
    write_json(file, {"level": story.level, "pager": told, "began": time.time(), "pid": os.getpid()})
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _answer(console: Console, prompt: Text) -> str:
    """The typed line; "g", which gives up, without a terminal."""
    try:
        return console.input(prompt).strip()
    except EOFError:
        console.print()
        return "g"


if __name__ == "__main__":
    sys.exit(main())
