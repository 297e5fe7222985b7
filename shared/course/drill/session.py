"""A drill: questions one after another, until they, the time or the learner's wish to go on are at an end."""

from __future__ import annotations

import time
from collections import deque
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from course.drill.ask import ask
from course.drill.bank import topic_of
from course.drill.dialogue import StoppedError
from course.drill.grade import GRADES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from course.drill.bank import Item
    from course.drill.dialogue import Dialogue
    from course.drill.grade import AnswerGrade
    from course.drill.memory import Memory
    from course.drill.numeric import Results

__all__ = ["Asked", "Session", "after"]

_MINUTE_S = 60
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Asked(NamedTuple):
    """A question that was asked, how it went, and the seconds it took."""

    item: Item
    graded: AnswerGrade
    seconds: float


class Session:
    """Asks questions and remembers each grade at once.

    Attributes:
        asked: what was asked so far.
        dialogue: where it asks.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        memory: Memory,
        results: Results,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.asked: list[Asked] = []
        self.dialogue = dialogue
        self._memory = memory
        self._results = results
        self._seed = seed
        self._clock = clock

    def run(self, items: list[Item], minutes: float | None = None) -> None:
        """Asks until the questions end, the minutes are used or the learner stops, and then says how it went.

        Within minutes, a question that went badly is asked again as soon as it is due.
        """
        start, waiting = self._clock(), deque(items)
        try:
            while waiting:
                used = (self._clock() - start) / _MINUTE_S
                if minutes is not None and used >= minutes:
                    self.dialogue.console.print(f"the {minutes:g} minutes are used", style="bold")
                    break
                number = len(self.asked) + 1
                where = f"{number} of {len(items)}" if minutes is None else f"{number} · {used:.0f} of {minutes:g} min"
                self.dialogue.console.rule(where, style="dim")
                again = None if minutes is None else self._due_again()
                self.ask(again or waiting.popleft())
        except StoppedError:
            pass
        self._sum_up((self._clock() - start) / _MINUTE_S)

    def ask(self, item: Item) -> Asked:
        """Asks one question.

        Raises:
            StoppedError: the learner stops, or there is no more input; then nothing is remembered.
        """
        start = self._clock()
        before = sum(each.item.id == item.id for each in self.asked)
        lot = Random(f"{self._seed}/{item.id}/{before}")  # noqa: S311 - no secret
        graded = ask(item, self.dialogue, lot, self._results)
        recall = self._memory.grade(item.id, graded)
        self.asked.append(Asked(item, graded, self._clock() - start))
        points = f"{graded.said:g} of {graded.of} points · {GRADES[graded.grade]} · "
        self.dialogue.console.print(f"{points}asked again {after(recall.due, self._memory.now())}", style="dim")
        return self.asked[-1]

    def _due_again(self) -> Item | None:
        return next((each.item for each in self.asked if self._memory.due(each.item.id)), None)

    def _sum_up(self, minutes: float) -> None:
        said, of = sum(each.graded.said for each in self.asked), sum(each.graded.of for each in self.asked)
        questions = f"{len(self.asked)} question{'s' * (len(self.asked) != 1)}"
        text = Text.assemble((f"{said:g} of {of} points", "bold"), f", {questions}, {minutes:.0f} min")
        self.dialogue.console.print(text)
        weak = list(dict.fromkeys(topic_of(each.item) for each in self.asked if each.graded.grade == 0))
        if weak:
            self.dialogue.console.print(Text(f"comes back first: {'; '.join(weak)}"))


def after(due: datetime, now: datetime) -> str:
    """How long it is until a moment, in words: ``in 10 minutes``, ``tomorrow``, ``in 8 days``."""
    left = due - now
    if left < _HOUR:
        return f"in {max(0, round(left / timedelta(minutes=1)))} minutes"
    if left < _DAY:
        return f"in {round(left / _HOUR)} hours"
    days = round(left / _DAY)
    return "tomorrow" if days == 1 else f"in {days} days"
