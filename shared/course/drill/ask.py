"""Asks one question of any form, and says how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from course.drill.bank import topic_of
from course.drill.choices import Choice
from course.drill.dialogue import points
from course.drill.grade import AnswerGrade, from_points
from course.drill.numeric import Draw, NumericQuestion
from course.prose import prose

if TYPE_CHECKING:
    from random import Random

    from rich.console import Console

    from course.drill.bank import Item
    from course.drill.dialogue import Dialogue
    from course.drill.numeric import Numeric, Results
    from course.drill.questions import Difficulty, Question

__all__ = ["STYLES", "ask", "show"]

STYLES: Final[dict[Difficulty, str]] = {"easy": "green", "medium": "yellow", "hard": "red"}
"""The colour of each difficulty."""

_ALL_DIGITS_FROM: Final = 1000
_SECOND_ATTEMPT: Final = AnswerGrade(1, 0.5, 1)


def ask(item: Item, dialogue: Dialogue, random: Random, results: Results) -> AnswerGrade:
    """Asks a question and grades the answer, by itself or by what the learner ticks.

    Args:
        item: the question.
        dialogue: where it is asked.
        random: draws the order of options, and the figures of a numeric question.
        results: the learner's own measurements, for questions about them.

    Raises:
        StoppedError: the learner stops, or there is no more input; then there is no grade.
    """
    if isinstance(item, Choice):
        return _choose(item, dialogue, random)
    if isinstance(item, NumericQuestion):
        return _calculate(item, dialogue, item.ask(Draw(random, results)))
    _title(item, item.question, dialogue.console)
    dialogue.heard("[dim]say your answer aloud, then[/] [cyan]Enter[/] [dim](q stop)[/] ")
    _reveal(item, dialogue.console)
    ticked = dialogue.ticks(item.must, item.bonus)
    return from_points(item.must, ticked.must, bonus=bool(ticked.bonus))


def show(item: Item, console: Console, random: Random, results: Results) -> None:
    """Prints a question with its answer."""
    if isinstance(item, Choice):
        _title(item, item.question, console)
        _explain(item, console)
    elif isinstance(item, NumericQuestion):
        drawn = item.ask(Draw(random, results))
        _title(item, drawn.question, console)
        _work_out(item, drawn, console)
    else:
        _title(item, item.question, console)
        _reveal(item, console)
        console.print(points("Must say", ["·"] * len(item.must), item.must))
        console.print(points("Bonus", ["·"] * len(item.bonus), item.bonus))


def _choose(item: Choice, dialogue: Dialogue, random: Random) -> AnswerGrade:
    _title(item, item.question, dialogue.console)
    options = item.options(random)
    dialogue.console.print(points("", [str(number) for number in range(1, len(options) + 1)], options))
    right = options[dialogue.one_of(len(options))] == item.right
    dialogue.console.print("right" if right else f"not so: {options.index(item.right) + 1} is", style=_style(right))
    _explain(item, dialogue.console)
    return AnswerGrade(2, 1, 1) if right else AnswerGrade(0, 0, 1, (item.right,))


def _calculate(item: NumericQuestion, dialogue: Dialogue, drawn: Numeric) -> AnswerGrade:
    _title(item, drawn.question, dialogue.console)
    graded = AnswerGrade(0, 0, 1, drawn.must or (item.teaches,))
    for attempt in (AnswerGrade(2, 1, 1), _SECOND_ATTEMPT):
        typed = dialogue.number(drawn.unit)
        if typed is None:
            break
        if drawn.accepts(typed):
            graded = attempt
            break
        if attempt is not _SECOND_ATTEMPT:
            dialogue.console.print("not so; once more, for half the points", style="yellow")
    dialogue.console.print("right" if graded.grade else "not so", style=_style(bool(graded.grade)))
    _work_out(item, drawn, dialogue.console)
    return graded


def _title(item: Item, question: str, console: Console) -> None:
    console.print(prose(question), style="bold")
    details = Text.assemble(f"{topic_of(item)} · ", (item.difficulty, STYLES[item.difficulty]), f" · {item.id}")
    details.stylize("dim")
    console.print(details)


def _reveal(item: Question, console: Console) -> None:
    mistakes = "".join(f"- {each}\n" for each in item.mistakes)
    heard = f"**Common mistakes**\n\n{mistakes}\n" if mistakes else ""
    console.print(prose(f"{item.answer}\n\n{heard}{_source(item)}\n\n*Follow-up:* {item.follow_up}"))
    console.print()


def _explain(item: Choice, console: Console) -> None:
    console.print(prose(f"**{item.right}**\n\n{item.why}\n\n{_source(item)}"))


def _work_out(item: NumericQuestion, drawn: Numeric, console: Console) -> None:
    said = "".join(f"- {each}\n" for each in drawn.must)
    say = f"Say also:\n\n{said}\n" if said else ""
    text = f"**{_figure(drawn.answer)} {drawn.unit}**: {drawn.working}"
    console.print(prose(f"{text}\n\n{say}{_source(item)}"))


def _figure(number: float) -> str:
    """Four digits at least, and all of a whole number: ``0.01234``, ``12.35``, ``1,234,568``."""
    if number == round(number) or abs(number) >= _ALL_DIGITS_FROM:
        return f"{number:,.0f}"
    return f"{number:.4g}"


def _source(item: Item) -> str:
    return item.source[:1].upper() + item.source[1:]


def _style(right: bool) -> str:  # noqa: FBT001 - the verdict itself
    return "bold green" if right else "bold red"
