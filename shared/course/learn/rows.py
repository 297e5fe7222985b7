"""The list of all exercises: what each is, takes and gives, and how far the learner is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from course.exercises.learner import HINTS
from course.exercises.state import Record, read_records
from course.exercises.work import work_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["Standing", "first_open", "read_rows", "totals"]


class Standing(NamedTuple):
    """One exercise of the list, and where the learner stands with it.

    Attributes:
        name: such as ``1.3``.
        state: ``solved``, ``begun`` when the learner has a file of it, else ``new``.
        points: those earned, of those that there are, such as ``0/20``.
        hints: those taken, of three, such as ``1/3``.
    """

    name: str
    title: str
    minutes: int
    skill: str
    state: str
    points: str
    hints: str


def read_rows(catalogues: Iterable[Catalogue]) -> list[Standing]:
    """The rows of all levels, in order.

    Raises:
        StateError: the learner's state cannot be read.
    """
    records = read_records()
    return [
        _row(catalogue, each, records.get(catalogue.name(each), Record()))
        for catalogue in catalogues
        for each in catalogue.exercises
    ]


def first_open(rows: list[Standing]) -> Standing:
    """The first exercise that is not solved; the first of all when every one is."""
    return next((row for row in rows if row.state != "solved"), rows[0])


def totals(rows: list[Standing]) -> str:
    """How many exercises are solved, how many points that makes, and what to do next, as a sentence."""
    solved = sum(row.state == "solved" for row in rows)
    earned, most = (sum(int(row.points.split("/")[place]) for row in rows) for place in (0, 1))
    return f"{solved} of {len(rows)} solved, {earned} of {most} points; next: {first_open(rows).name}"


def _row(catalogue: Catalogue, exercise: Exercise, record: Record) -> Standing:
    begun = "begun" if work_of(catalogue, exercise).exists() else "new"
    earned = exercise.points if record.passed else 0
    return Standing(
        catalogue.name(exercise),
        exercise.title,
        exercise.minutes,
        exercise.skill,
        "solved" if record.passed else begun,
        f"{earned}/{exercise.points}",
        f"{record.hints}/{HINTS}",
    )
