"""The learner's memory, by spaced repetition: FSRS, in ``.learn/drill.json``.

FSRS (the Free Spaced Repetition Scheduler) estimates for each question how long the learner will remember it, and asks
again when the chance of that has fallen to nine in ten. https://github.com/open-spaced-repetition/py-fsrs
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from fsrs import Card, Rating, Scheduler, State

from servekit.json_file import write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from course.drill.grade import AnswerGrade

__all__ = ["Memory", "MemoryUnreadableError", "Recall"]

_AGAIN_SOON: Final = timedelta(minutes=10)
_BOXES_D: Final = (0, 1, 3, 7, 21, 60)
"""After how many days the boxes of an old memory asked again."""

_MIDDLE_DIFFICULTY: Final = 5.0


class MemoryUnreadableError(Exception):
    """The learner's memory cannot be read; it is left as it is."""


class Recall(msgspec.Struct, frozen=True):
    """The learner's state of one question.

    Attributes:
        due: when it should be asked again.
        asked: how often it was.
        grade: the last one, from 0 to 3.
        share: which part of the points the last answer had, from 0 to 1.
        state: FSRS's: 1 learning, 2 review, 3 learning again.
        step: FSRS's, while it is learned; None in review.
        stability: after how many days the chance to remember it is nine in ten.
        difficulty: from 1 to 10.
        last_review: when it was asked last.
    """

    due: datetime
    asked: int
    grade: int
    share: float
    state: int
    step: int | None
    stability: float
    difficulty: float
    last_review: datetime


class _File(msgspec.Struct, frozen=True):
    questions: dict[str, Recall]


class _Box(msgspec.Struct, frozen=True):
    box: int
    due: date
    asked: int
    grade: int


class Memory:
    """The recalls by question id, in a file that is written after every grade.

    Where there is no file yet, one of an earlier form is taken over: ``.run/drill.json`` with its boxes.

    Raises:
        MemoryUnreadableError: the file is there but is not what a memory writes.
    """

    def __init__(
        self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC), old: Path | None = None
    ) -> None:
        self._path = path
        self.now = now
        # without fuzz: two learners with the same grades get the same days
        self._scheduler = Scheduler(
            learning_steps=[_AGAIN_SOON], relearning_steps=[_AGAIN_SOON], maximum_interval=365, enable_fuzzing=False
        )
        self.recalls = _read(path)
        if old is not None and not path.exists() and (taken := _taken_over(old)):
            self.recalls = taken
            self._write()

    def grade(self, question: str, graded: AnswerGrade) -> Recall:
        """Stores how an answer went, and returns when the question is due again."""
        before = self.recalls.get(question)
        card = _card(before) if before else Card(card_id=0, due=self.now())
        card, _ = self._scheduler.review_card(card, Rating(graded.grade + 1), review_datetime=self.now())
        asked = 1 + (before.asked if before else 0)
        self.recalls[question] = _recall(card, asked=asked, grade=graded.grade, share=graded.share)
        self._write()
        return self.recalls[question]

    def expected(self, question: str) -> float:
        """The share of the points to expect now: the last share, times FSRS's chance that it is remembered.

        0 for a question that was never asked.
        """
        if (recall := self.recalls.get(question)) is None:
            return 0.0
        return recall.share * self._scheduler.get_card_retrievability(_card(recall), self.now())

    def due(self, question: str) -> bool:
        """Whether a question that was asked before should be asked again by now."""
        return question in self.recalls and self.recalls[question].due <= self.now()

    def _write(self) -> None:
        write_json(self._path, _File(self.recalls))


def _card(recall: Recall) -> Card:
    return Card(
        0, State(recall.state), recall.step, recall.stability, recall.difficulty, recall.due, recall.last_review
    )


def _recall(card: Card, *, asked: int, grade: int, share: float) -> Recall:
    return Recall(
        due=card.due,
        asked=asked,
        grade=grade,
        share=share,
        state=card.state.value,
        step=card.step,
        stability=card.stability or 0.0,
        difficulty=card.difficulty or 0.0,
        last_review=card.last_review or card.due,
    )


def _read(path: Path) -> dict[str, Recall]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).questions
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise MemoryUnreadableError(
            f"{path}: {error}: expected what make drill writes; move it away to begin anew"
        ) from None


def _taken_over(old: Path) -> dict[str, Recall]:
    """The recalls of a memory of boxes: a box's days become the stability, its due day stays."""
    try:
        boxes = msgspec.json.decode(old.read_bytes(), type=dict[str, _Box])
    except (OSError, msgspec.MsgspecError):
        return {}
    return {question: _from_box(box) for question, box in boxes.items()}


def _from_box(box: _Box) -> Recall:
    days = _BOXES_D[min(max(box.box, 0), len(_BOXES_D) - 1)]
    due = datetime(box.due.year, box.due.month, box.due.day, tzinfo=UTC)
    card = Card(0, State.Review, None, max(days, 0.5), _MIDDLE_DIFFICULTY, due, due - timedelta(days=days))
    grade = min(max(box.grade, 0), 3)
    return _recall(card, asked=box.asked, grade=grade, share=min(1.0, grade / 2))
