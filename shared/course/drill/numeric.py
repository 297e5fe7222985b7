"""Questions whose answer is a number, with fresh figures each time.

They stand in ``interview/questions/numbers.py``, each a function that draws its figures and computes the answer.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from course.drill.questions import QuestionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from course.drill.questions import Difficulty

__all__ = ["Draw", "Numeric", "NumericQuestion", "Results", "SlaFigures", "numeric", "read_numbers"]

T = TypeVar("T")
_ROUNDING = 1e-9
_MODULE = "interview.questions.numbers"


class SlaFigures(msgspec.Struct, frozen=True):
    """What the learner's last ``make sla-N`` measured: latencies in milliseconds, rates in requests a second."""

    p50_ms: float
    p99_ms: float
    rate_rps: float
    requests: int


class Results:
    """The learner's own results, read from the ``.run`` folder; without one there are none."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def sla(self, level: int) -> SlaFigures | None:
        """Of the last ``make sla-N``; None when there is none, or it was stopped before it measured anything."""
        if self._folder is None:
            return None
        try:
            figures = msgspec.json.decode((self._folder / "sla" / f"{level}.json").read_bytes(), type=SlaFigures)
        except (OSError, msgspec.MsgspecError):
            return None
        return figures if min(figures.p50_ms, figures.p99_ms, figures.rate_rps) > 0 else None


class Draw:
    """Draws a question's figures; the same seed draws the same ones.

    Attributes:
        results: the learner's own results, for questions about them.
    """

    def __init__(self, random: Random, results: Results) -> None:
        self._random = random
        self.results = results

    def integer(self, low: int, high: int, step: int = 1) -> int:
        """One of ``low``, ``low + step``, … up to ``high``, which is among them."""
        return self._random.randrange(low, high + 1, step)

    def of(self, *values: T) -> T:
        """One of the values."""
        return self._random.choice(values)


class Numeric(msgspec.Struct, frozen=True):
    """A question with its figures.

    Attributes:
        question: states every figure that the answer needs.
        answer: in ``unit``.
        tolerance: by which share of the answer another may differ; 0: not at all.
        working: the formula with the figures put in.
        must: what the learner should have thought of, one point each.
    """

    question: str
    answer: float
    unit: str
    tolerance: float
    working: str
    must: tuple[str, ...]

    def accepts(self, typed: float) -> bool:
        """Whether a typed number, in ``unit``, is the answer within the tolerance."""
        return abs(typed - self.answer) <= (self.tolerance + _ROUNDING) * abs(self.answer)


@dataclass(frozen=True)
class NumericQuestion:
    """A question whose figures are drawn anew each time it is asked.

    Attributes:
        id: unique among all questions.
        subject: the stem of the file of questions it belongs to, such as ``level-3``.
        source: Markdown: a proof in the repository, or a source elsewhere.
        teaches: what it is for, one line.
        ask: draws the figures.
    """

    id: str
    subject: str
    topic: str
    difficulty: Difficulty
    source: str
    teaches: str
    ask: Callable[[Draw], Numeric]


def numeric(
    *,
    id: str,  # noqa: A002 - a question's id
    subject: str,
    topic: str,
    difficulty: Difficulty,
    source: str,
) -> Callable[[Callable[[Draw], Numeric]], NumericQuestion]:
    """Makes a question of the function that draws its figures; its docstring says what the question teaches."""

    def made(ask: Callable[[Draw], Numeric]) -> NumericQuestion:
        return NumericQuestion(id, subject, topic, difficulty, source, (ask.__doc__ or "").strip(), ask)

    return made


def read_numbers(module: str = _MODULE) -> list[NumericQuestion]:
    """The questions of a module, in its order.

    Raises:
        QuestionError: two have the same id, or one has no docstring.
    """
    names: dict[str, Any] = vars(importlib.import_module(module))
    questions = [value for value in names.values() if isinstance(value, NumericQuestion)]
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise QuestionError(f"{module}: id {question.id}: taken by another question")
        if not question.teaches:
            raise QuestionError(f"{module}: {question.id}: expected a docstring that says what it teaches")
        seen.add(question.id)
    return questions
