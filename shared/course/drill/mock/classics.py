"""The classics of interviews, from ``interview/questions/mock/*.toml``: each in stages, with a rubric of 100 points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from course.drill.questions import QuestionError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Classic", "Stage", "read_classics"]

_ALL_POINTS: Final = 100
_TEXTS: Final = ("name", "ask", "model", "must", "read")


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the conversation.

    Attributes:
        name: stands in the report.
        minutes: planned, as its share of all stages' minutes.
        points: that it is worth.
        ask: the interviewer's question.
        model: Markdown: the model answer.
        must: the points that an answer needs.
        bonus: each is worth one point of the stage.
        mistakes: what people say, and why it is wrong.
        read: Markdown links from the file's folder: what to read where points were missed.
        follow_ups: asked one after another while the stage has time left.
    """

    name: str
    minutes: float
    points: int
    ask: str
    model: str
    must: tuple[str, ...]
    bonus: tuple[str, ...]
    mistakes: tuple[str, ...]
    read: tuple[str, ...]
    follow_ups: tuple[str, ...] = ()


class Classic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question that fills an interview.

    Attributes:
        id: the file's name without ``.toml``.
        title: as interviewers say it.
        opening: what they tell at the beginning.
        stage: its stages, in their order.
    """

    id: str
    title: str
    opening: str
    stage: tuple[Stage, ...]

    @property
    def minutes(self) -> float:
        """Of all stages together, before they are scaled to the interview's time."""
        return sum(stage.minutes for stage in self.stage)


def read_classics(folder: Path) -> list[Classic]:
    """The classics of a folder, by name.

    Raises:
        QuestionError: a field is missing, unknown or empty, the points do not add up to 100, or the id is another than
            the file's name.
    """
    return [_read(path) for path in sorted(folder.glob("*.toml"))]


def _read(path: Path) -> Classic:
    try:
        classic = msgspec.toml.decode(path.read_bytes(), type=Classic)
    except msgspec.MsgspecError as error:
        raise QuestionError(f"{path}: {error}") from None
    if classic.id != path.stem:
        raise QuestionError(f"{path}: id {classic.id}: expected {path.stem}")
    for stage in classic.stage:
        if empty := [name for name in _TEXTS if not getattr(stage, name)]:
            raise QuestionError(f"{path}: stage {stage.name}: {empty[0]}: expected a text")
        if stage.minutes <= 0:
            raise QuestionError(f"{path}: stage {stage.name}: minutes {stage.minutes:g}: expected a number above 0")
    if (points := sum(stage.points for stage in classic.stage)) != _ALL_POINTS:
        raise QuestionError(f"{path}: {points} points in all stages: expected {_ALL_POINTS}")
    return classic
