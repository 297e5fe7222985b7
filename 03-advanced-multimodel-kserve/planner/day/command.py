"""What the commands of a simulated day have in common: their words, and how a refusal is said."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from servekit.errors import ServingError
from servekit.json_file import write_json
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from planner.day.points import DesignVerdict, ScoredDay

__all__ = ["ScoreWords", "run_day_command", "write_day"]

_REFUSED: Final = 2


class ScoreWords(NamedTuple):
    """The files of a task, of a design of it and of the reference, where results go, and the day's seed."""

    requirements: Path
    design: Path
    reference: Path
    out: Path
    seed: int


def run_day_command(
    prog: str,
    text: str | None,
    argv: Sequence[str] | None,
    show: Callable[[Path], None],
    score: Callable[[ScoreWords], None],
) -> int:
    """Prints requirements, or scores a design and writes its JSON and picture; 2 when the design is refused."""
    parser = argparse.ArgumentParser(prog=prog, description=text)
    commands = parser.add_subparsers(dest="command", required=True)
    showing = commands.add_parser("requirements", help="print what a design must hold")
    scoring = commands.add_parser("score", help="run a day against a design, and score it")
    for each in (showing, scoring):
        each.add_argument("requirements", type=Path)
    scoring.add_argument("design", type=Path)
    scoring.add_argument("reference", type=Path)
    scoring.add_argument("out", type=Path, help="folder of the report and the picture")
    scoring.add_argument("--seed", type=int, default=1, help="another day: other times and another traffic")
    options = parser.parse_args(argv)
    try:
        if options.command == "requirements":
            show(options.requirements)
        else:
            score(ScoreWords(options.requirements, options.design, options.reference, options.out, options.seed))
    except ServingError as problem:
        say(f"refused: {problem}", stderr=True)
        return _REFUSED
    return 0


def write_day(
    console: Console, words: ScoreWords, verdict: DesignVerdict, day: ScoredDay, reference: ScoredDay
) -> None:
    """Writes the verdict and the picture, and says where the picture is."""
    from planner.day.day_picture import draw_day  # noqa: PLC0415 - a refusal need not wait for it

    name = words.requirements.stem
    document, picture = words.out / f"{name}.json", words.out / f"{name}.svg"
    write_json(document, verdict)
    picture.write_text(draw_day(f"{name}: {verdict.score:g} points", day, reference), encoding="utf-8")
    console.print(f"written: {picture}", style="dim", soft_wrap=True)
