"""``make drill`` asks a few questions, one by one, and has the learner grade the answers."""

from __future__ import annotations

import argparse
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from course.drill.memory import BEST, Memory
from course.drill.questions import DIFFICULTIES, QuestionError, read_questions
from course.prose import prose
from workbench.arguments import count
from workbench.terminal import make_console, make_table
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from course.drill.questions import Question

__all__ = ["main"]

_QUESTIONS = ROOT / "interview" / "questions"
_MEMORY = Path(".run/drill.json")
_WRONG, _INTERRUPTED = 2, 130
_STYLES = {"easy": "green", "medium": "yellow", "hard": "red"}
_GRADES = "0 no idea · 1 parts of it · 2 the point · 3 could have written it · q stop"


def main(argv: Sequence[str] | None = None) -> int:
    """Asks, lists or shows questions; returns 0, 2 for an unknown question, 130 when interrupted."""
    options = _parser().parse_args(argv)
    console = make_console()
    try:
        questions = _chosen(read_questions(_QUESTIONS), options)
        memory = Memory(_MEMORY, datetime.now(UTC).date())
        if options.list:
            _list(questions, memory, console)
        elif options.show:
            _ask_title(questions[0], console)
            _reveal(questions[0], console)
        else:
            rng = random.Random(options.seed)  # noqa: S311 - which question comes is no secret
            _drill(memory.choose(questions, options.count, rng), memory, console)
    except QuestionError as error:
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        return _WRONG
    except KeyboardInterrupt:
        console.print("\nstopped; what you graded is remembered")
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m course.drill", description=__doc__)
    parser.add_argument("-n", "--count", type=count, default=5, metavar="N", help="number of questions (5)")
    parser.add_argument("--seed", type=int, help="the same questions each time")
    parser.add_argument("--level", type=count, help="only questions of this level")
    parser.add_argument("--difficulty", choices=DIFFICULTIES, help="only questions of this difficulty")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the questions and how well you know them")
    what.add_argument("--show", metavar="ID", help="show one question with its answer")
    return parser


def _chosen(questions: list[Question], options: argparse.Namespace) -> list[Question]:
    wanted = [
        q
        for q in questions
        if options.level in {None, q.level}
        and options.difficulty in {None, q.difficulty}
        and options.show in {None, q.id}
    ]
    if not wanted:
        thing = f"question {options.show}" if options.show else f"level {options.level}, {options.difficulty or 'any'}"
        raise QuestionError(f"{thing}: none of these; `make drill ARGS=--list` shows all")
    return wanted


def _list(questions: list[Question], memory: Memory, console: Console) -> None:
    table = make_table(console, "id", "level", "topic", "difficulty", "asked", "grade", "due", "question")
    for q in questions:
        recall = memory.recalls.get(q.id)
        known = (str(recall.asked), f"{recall.grade}/{BEST}", str(recall.due)) if recall else ("", "", "")
        table.add_row(q.id, str(q.level), q.topic, Text(q.difficulty, _STYLES[q.difficulty]), *known, q.question)
    console.print(table)
    console.print(f"{len(questions)} questions, {sum(q.id in memory.recalls for q in questions)} asked so far")


def _drill(questions: list[Question], memory: Memory, console: Console) -> None:
    grades: list[int] = []
    for number, question in enumerate(questions, start=1):
        console.rule(f"{number} of {len(questions)}", style="dim")
        _ask_title(question, console)
        if _typed(console, "[dim]say it aloud, then[/] [cyan]Enter[/] ") in {"q", None}:
            break
        _reveal(question, console)
        grade = _grade(console)
        if grade is None:
            break
        grades.append(grade)
        recall = memory.grade(question.id, grade)
        console.print(f"asked again on {recall.due}", style="dim")
    console.print(
        f"[bold]{sum(grades)} of {BEST * len(grades)} points[/], {len(grades)} questions; weak ones come back"
    )


def _ask_title(question: Question, console: Console) -> None:
    console.print(Text.assemble((question.question, "bold")))
    details = (f"level {question.level} · {question.topic} · ", (question.difficulty, _STYLES[question.difficulty]))
    console.print(Text.assemble(*details, f" · {question.id}", style="dim"))


def _reveal(question: Question, console: Console) -> None:
    console.print(prose(f"{question.answer}\n\nProof: {question.proof}\n\n*Follow-up:* {question.follow_up}"))


def _grade(console: Console) -> int | None:
    console.print(_GRADES, style="dim")
    while (typed := _typed(console, "[cyan]0–3:[/] ")) not in {"q", None}:
        if typed in {"0", "1", "2", "3"}:
            return int(typed)
    return None


def _typed(console: Console, prompt: str) -> str | None:
    """The typed line in lower case; None at the end of the input."""
    try:
        return console.input(prompt).strip().lower()
    except EOFError:
        console.print()
        return None


if __name__ == "__main__":
    sys.exit(main())
