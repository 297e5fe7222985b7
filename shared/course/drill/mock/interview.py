"""Holds the interview: asks, follows up while there is time, and compares each answer with its rubric."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.text import Text

from course.drill.grade import from_points
from course.prose import prose

if TYPE_CHECKING:
    from collections.abc import Callable

    from course.drill.bank import Item
    from course.drill.dialogue import Dialogue
    from course.drill.mock.classics import Classic, Stage
    from course.drill.session import Asked, Session

__all__ = ["Held", "Interview", "clock_time"]

_MINUTE_S: Final = 60
_WARM_UP: Final = 0.2
_PER_QUESTION_MIN: Final = 3
_FEWEST: Final = 2
_AFTERWARDS: Final = "the time stops while you compare your answer with the rubric"


class Held(NamedTuple):
    """A stage that was held.

    Attributes:
        stage: what was asked.
        points: of `stage.points`, to a tenth.
        missed: the points that the answer lacked.
        seconds: of talking.
        planned_s: for it.
        notes: what was typed.
    """

    stage: Stage
    points: float
    missed: tuple[str, ...]
    seconds: float
    planned_s: float
    notes: tuple[str, ...]


class Interview:
    """A mock interview of so many minutes.

    Attributes:
        classic: the question that fills it.
        minutes: planned for all of it.
        held: the stages so far.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        session: Session,
        classic: Classic,
        minutes: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.classic = classic
        self.minutes = minutes
        self.held: list[Held] = []
        self._dialogue = dialogue
        self._console = dialogue.console
        self._session = session
        self._clock = clock

    @property
    def warm_up(self) -> list[Asked]:
        """The warm-up questions so far."""
        return self._session.asked

    @property
    def points(self) -> float:
        """Of the 100 that the classic has."""
        return round(sum(each.points for each in self.held), 1)

    @property
    def seconds(self) -> float:
        """Used of the interview's time so far."""
        return sum(each.seconds for each in self.warm_up) + sum(each.seconds for each in self.held)

    def hold(self, items: list[Item]) -> None:
        """Holds it to its end, with the first of these questions as a warm-up.

        Raises:
            StoppedError: the learner stops, or there is no more input; what was graded is in `held`.
        """
        planned = _WARM_UP * self.minutes
        plan = f"{self.minutes:g} minutes: {planned:.0f} of warm-up, {self.minutes - planned:.0f} of one question; "
        self._console.print(Text(plan + _AFTERWARDS))
        for item in items[: max(_FEWEST, round(planned / _PER_QUESTION_MIN))]:
            if self.seconds >= planned * _MINUTE_S:
                break
            self._announce("warm-up")
            self._session.ask(item)
        self._console.rule(style="dim")
        self._console.print(prose(f"**{self.classic.title}**\n\n{self.classic.opening}"))
        for stage in self.classic.stage:
            if self.seconds >= self.minutes * _MINUTE_S:
                self._console.print(Text("the time is used; the rest of the stages was not reached", "bold"))
                break
            self._hold(stage)

    def _hold(self, stage: Stage) -> None:
        planned_s = stage.minutes / self.classic.minutes * (1 - _WARM_UP) * self.minutes * _MINUTE_S
        self._announce(stage.name, f"{clock_time(planned_s)} for this")
        seconds, notes = self._talk(stage, planned_s)
        self._console.print(Text(f"{clock_time(seconds)} of {clock_time(planned_s)}", "dim"))
        mistakes = "".join(f"- {each}\n" for each in stage.mistakes)
        heard = f"\n\n**Common mistakes**\n\n{mistakes}" if mistakes else ""
        self._console.print(prose(f"**A good answer**\n\n{stage.model}{heard}"))
        self._console.print()
        ticked = self._dialogue.ticks(stage.must, stage.bonus)
        graded = from_points(stage.must, ticked.must, bonus=bool(ticked.bonus))
        points = round(min(stage.points, stage.points * graded.share + len(ticked.bonus)), 1)
        self.held.append(Held(stage, points, graded.missed, seconds, planned_s, notes))
        self._console.print(Text(f"{points:g} of {stage.points} points", "dim"))

    def _talk(self, stage: Stage, planned_s: float) -> tuple[float, tuple[str, ...]]:
        """The seconds of the answer with its follow-ups, and what was typed."""
        start = self._clock()
        self._console.print(prose(stage.ask), style="bold")
        typed = [self._dialogue.heard("[dim]say it aloud or type it, then[/] [cyan]Enter[/] [dim](q stop)[/] ")]
        for follow_up in stage.follow_ups:
            if self._clock() - start >= planned_s:
                break
            self._console.print(prose(follow_up), style="bold")
            typed.append(self._dialogue.heard("[cyan]Enter[/] "))
        return self._clock() - start, tuple(filter(None, typed))

    def _announce(self, name: str, plan: str = "") -> None:
        used = f"{clock_time(self.seconds)} of {clock_time(self.minutes * _MINUTE_S)}"
        self._console.rule(" · ".join(filter(None, (name, used, plan))), style="dim")


def clock_time(seconds: float) -> str:
    """Minutes and seconds, such as ``7:05``."""
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    return f"{minutes}:{rest:02d}"
