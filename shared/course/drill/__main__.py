"""``make drill`` asks a few questions, one by one, remembers how each went, and asks the weak ones again.

Written answers go nowhere: the learner says them aloud and ticks the points that were in them.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from course.drill.ask import STYLES, show
from course.drill.bank import FOLDER, FORMS, form_of, read_bank, title_of, topic_of
from course.drill.dialogue import Dialogue, StoppedError
from course.drill.grade import GRADES
from course.drill.memory import Memory, MemoryUnreadableError
from course.drill.mock import Interview, read_classics, write_report
from course.drill.numeric import Results
from course.drill.order import in_order, topics
from course.drill.questions import DIFFICULTIES, SUBJECTS, QuestionError, level_of
from course.drill.session import Session
from course.drill.statistics import show_statistics
from course.exercises.work import WORK
from workbench.arguments import count, positive
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from course.drill.bank import Item

__all__ = ["main"]

_RUN = Path(".run")
_MEMORY = WORK / "drill.json"
_WRONG, _INTERRUPTED = 2, 130
_QUESTIONS = 5
_REPORTS = WORK / "mock"
_CLASSICS = FOLDER / "mock"
_ROOM_FOR_ALL = 120
_SHORTEST_MIN, _LONGEST_MIN = 10, 180


def main(argv: Sequence[str] | None = None) -> int:
    """Asks, lists or shows questions; returns 0, 2 for an unknown question, 130 when interrupted."""
    options = _parser().parse_args(argv)
    console = make_console()
    try:
        items = _chosen(read_bank(), options)
        _do(options, items, Memory(_MEMORY, old=_RUN / "drill.json"), console)
    except (QuestionError, MemoryUnreadableError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}: expected a place to write; earlier grades are remembered")
    except KeyboardInterrupt:
        console.print("\nstopped; what you graded is remembered")
        return _INTERRUPTED
    return 0


def _refuse(error: str) -> int:
    make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), error), soft_wrap=True)
    return _WRONG


def _do(options: argparse.Namespace, items: list[Item], memory: Memory, console: Console) -> None:
    results = Results(_RUN)
    seed = options.seed if options.seed is not None else random.randrange(2**32)  # noqa: S311 - no secret
    if options.list:
        _list(items, memory, console)
    elif options.stats:
        show_statistics(items, memory, console)
    elif options.show:
        show(items[0], console, random.Random(seed), results)  # noqa: S311 - no secret
    else:
        ordered = in_order(items, memory, random.Random(seed))  # noqa: S311 - no secret
        session = Session(Dialogue(console), memory, results, seed)
        if options.mock:
            _interview(options, ordered, memory, session, seed)
        else:
            number = options.count or (len(ordered) if options.minutes else _QUESTIONS)
            session.run(ordered[:number], options.minutes)


def _interview(options: argparse.Namespace, ordered: list[Item], memory: Memory, session: Session, seed: int) -> None:
    classics = {classic.id: classic for classic in read_classics(_CLASSICS)}
    chosen = options.classic or random.Random(seed).choice(sorted(classics))  # noqa: S311 - no secret
    if chosen not in classics:
        raise QuestionError(f"classic {chosen}: expected one of {', '.join(classics)}")
    interview = Interview(session.dialogue, session, classics[chosen], options.mock)
    try:
        interview.hold([item for item in ordered if item.difficulty != "hard" and form_of(item) != "numeric"])
    except StoppedError:
        pass
    finally:  # after Ctrl-C, too
        if interview.held or interview.warm_up:
            day = memory.now().astimezone().date()
            path = write_report(interview, topics(ordered, memory), _REPORTS, day)
            session.dialogue.console.print(Text.assemble((f"{interview.points:g} of 100 points", "bold"), f": {path}"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m course.drill", description=__doc__)
    parser.add_argument("-n", "--count", type=count, metavar="N", help=f"number of questions ({_QUESTIONS})")
    parser.add_argument("--minutes", type=positive, metavar="M", help="ask until so many minutes are used")
    parser.add_argument("--classic", metavar="ID", help="the question of a mock interview (default: any)")
    parser.add_argument("--seed", type=int, help="the same questions, options and figures each time")
    parser.add_argument("--level", type=count, help="only questions of this level")
    parser.add_argument("--subject", choices=SUBJECTS, help="only questions of this subject")
    parser.add_argument("--difficulty", choices=DIFFICULTIES, help="only questions of this difficulty")
    parser.add_argument("--form", choices=FORMS, help="only questions of this form")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the questions and how well you know them")
    what.add_argument("--stats", action="store_true", help="show how well you know each topic")
    what.add_argument("--mock", type=_interview_minutes, metavar="M", help="hold a mock interview of so many minutes")
    what.add_argument("--show", metavar="ID", help="show one question with its answer")
    return parser


def _interview_minutes(text: str) -> float:
    minutes = positive(text)
    if not _SHORTEST_MIN <= minutes <= _LONGEST_MIN:
        raise argparse.ArgumentTypeError(f"{text}: expected minutes from {_SHORTEST_MIN} to {_LONGEST_MIN}")
    return minutes


def _chosen(items: list[Item], options: argparse.Namespace) -> list[Item]:
    wanted = [
        item
        for item in items
        if options.level in {None, level_of(item.subject)}
        and options.subject in {None, item.subject}
        and options.difficulty in {None, item.difficulty}
        and options.form in {None, form_of(item)}
        and options.show in {None, item.id}
    ]
    if not wanted:
        asked = [options.subject, f"level {options.level}" if options.level else None, options.difficulty, options.form]
        thing = f"question {options.show}" if options.show else ", ".join(each for each in asked if each)
        raise QuestionError(f"{thing}: none of these; `make drill ARGS=--list` shows all")
    return wanted


def _list(items: list[Item], memory: Memory, console: Console) -> None:
    wide = console.width >= _ROOM_FOR_ALL
    more = ("topic", "form", "difficulty", "asked") if wide else ()
    table = make_table(console, "id", *more, "question", "last")
    table.columns[0].no_wrap = True
    for item in items:
        recall = memory.recalls.get(item.id)
        last = f"{GRADES[recall.grade]}, due {recall.due.date()}" if recall else ""
        difficulty = Text(item.difficulty, STYLES[item.difficulty])
        asked = str(recall.asked) if recall else ""
        details = (topic_of(item), form_of(item), difficulty, asked) if wide else ()
        table.add_row(item.id, *details, Text(title_of(item)), last)
    console.print(table)
    console.print(f"{len(items)} questions, {sum(item.id in memory.recalls for item in items)} asked so far")


if __name__ == "__main__":
    sys.exit(main())
