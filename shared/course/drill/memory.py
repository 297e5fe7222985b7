"""The learner's memory by spaced repetition (Leitner's boxes), in ``.run/drill.json``."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from servekit.json_file import write_json

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from course.drill.questions import Question

__all__ = ["BEST", "INTERVALS_D", "Memory", "Recall"]

BEST = 3
"""Grades: 0 no idea, 1 parts of it, 2 the point, 3 could have written it."""

INTERVALS_D = (0, 1, 3, 7, 21, 60)
"""After how many days a question of each box is asked again."""

_WEIGHTS = (8, 4, 2, 1, 1, 1)
_UNSEEN = 3


class Recall(msgspec.Struct, frozen=True):
    """The learner's state of one question.

    Attributes:
        box: index into `INTERVALS_D`; grade 0 sends a question back to 0, 1 keeps it, 2 moves it up, 3 by two.
        due: when it should be asked again.
        asked: how often it was.
        grade: the last one.
    """

    box: int
    due: date
    asked: int
    grade: int


class Memory:
    """The recalls by question id, in a file that is written after every grade.

    A file that cannot be read counts as empty and is replaced.
    """

    def __init__(self, path: Path, today: date) -> None:
        self._path = path
        self._today = today
        self.recalls: dict[str, Recall] = _read(path)

    def grade(self, question: str, grade: int) -> Recall:
        """Stores a grade from 0 to 3, and returns when the question is due again."""
        before = self.recalls.get(question, Recall(0, self._today, 0, 0))
        box = 0 if grade == 0 else min(before.box + grade - 1, len(INTERVALS_D) - 1)
        due = self._today + timedelta(days=INTERVALS_D[box])
        self.recalls[question] = Recall(box, due, before.asked + 1, grade)
        write_json(self._path, self.recalls)
        return self.recalls[question]

    def choose(self, questions: list[Question], count: int, random: Random) -> list[Question]:
        """Up to `count` questions: due and new ones by lot, the weakest most likely, then those that are due next."""
        due = [q for q in questions if q.id not in self.recalls or self.recalls[q.id].due <= self._today]
        # Efraimidis and Spirakis (2006): the largest u^(1/w) are a weighted draw without replacement
        drawn = sorted(due, key=lambda q: random.random() ** (1 / self._weight(q)), reverse=True)[:count]
        later = sorted((q for q in questions if q not in due), key=lambda q: self.recalls[q.id].due)
        return drawn + later[: count - len(drawn)]

    def _weight(self, question: Question) -> float:
        recall = self.recalls.get(question.id)
        return _WEIGHTS[recall.box] if recall else _UNSEEN


def _read(path: Path) -> dict[str, Recall]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Recall])
    except (OSError, msgspec.MsgspecError):
        return {}
