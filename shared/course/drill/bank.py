"""All questions of the drill: those of Markdown, the multiple-choice and the numeric ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from course.drill.choices import Choice, read_choices
from course.drill.numeric import NumericQuestion, read_numbers
from course.drill.questions import SUBJECTS, Question, QuestionError, level_of, read_questions
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FOLDER", "FORMS", "Item", "form_of", "read_bank", "title_of", "topic_of"]

FOLDER: Final = ROOT / "interview" / "questions"

Item: TypeAlias = Question | Choice | NumericQuestion
FORMS: Final = ("free", "choice", "numeric")


def read_bank(folder: Path = FOLDER, numbers: str = "interview.questions.numbers") -> list[Item]:
    """Every question of a folder: the Markdown files, ``choices.toml``, and the module of the numeric ones.

    Raises:
        QuestionError: a question is not of its form, or an id is given twice.
    """
    there = numbers != "interview.questions.numbers" or (folder / "numbers.py").exists()
    drawn = read_numbers(numbers) if there else []
    for each in drawn:
        if each.subject not in SUBJECTS or not each.source.startswith(("proof: ", "source: ")):
            raise QuestionError(f"{numbers}: {each.id}: expected a subject of {', '.join(SUBJECTS)}, and a source")
    items: list[Item] = [*read_questions(folder), *read_choices(folder / "choices.toml"), *drawn]
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise QuestionError(f"{folder}: id {item.id}: taken by another question")
        seen.add(item.id)
    return items


def form_of(item: Item) -> str:
    """``free``, ``choice`` or ``numeric``."""
    return {Question: "free", Choice: "choice", NumericQuestion: "numeric"}[type(item)]


def title_of(item: Item) -> str:
    """The question; of a numeric one what it teaches, because its figures are not drawn yet."""
    return item.teaches if isinstance(item, NumericQuestion) else item.question


def topic_of(item: Item) -> str:
    """Subject and topic on one line: ``level 1 · Latency``."""
    level = level_of(item.subject)
    return f"{f'level {level}' if level else item.subject.replace('-', ' ')} · {item.topic}"
