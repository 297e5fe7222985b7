"""What a learner does besides writing: has an answer graded, takes a hint, looks at a solution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from course.exercises.catalogue import CatalogueError
from course.exercises.grade import Graded, grade_exercise
from course.exercises.state import Record, note, read_record
from course.exercises.work import answers_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["find", "grade_answer", "peek", "solution_files", "standing_hint", "take_hint"]

HINTS = 3


def find(catalogues: Iterable[Catalogue], name: str) -> tuple[Catalogue, Exercise]:
    """The exercise with a name such as ``1.3``, and its level.

    Raises:
        CatalogueError: there is none.
    """
    known = {catalogue.name(each): (catalogue, each) for catalogue in catalogues for each in catalogue.exercises}
    if name not in known:
        raise CatalogueError(f"exercise {name or '(none)'}: expected one of {', '.join(known)}")
    return known[name]


def grade_answer(catalogue: Catalogue, exercise: Exercise) -> Graded:
    """The grade of the learner's own answer; when it is solved for the first time, that is noted."""
    graded = grade_exercise(catalogue, exercise, answers_folder(catalogue, exercise))
    if graded.state == "solved":
        note(catalogue.name(exercise), lambda was, now: msgspec.structs.replace(was, passed=was.passed or now))
    return graded


def take_hint(catalogue: Catalogue, exercise: Exercise) -> str:
    """The next hint, which is counted; after the third that one again, which is not."""
    after = note(catalogue.name(exercise), lambda was, _: msgspec.structs.replace(was, hints=min(was.hints + 1, HINTS)))
    return _numbered(exercise, after)


def standing_hint(catalogue: Catalogue, exercise: Exercise) -> str:
    """The hint that was taken last, or how to take the first."""
    record = read_record(catalogue.name(exercise))
    return _numbered(exercise, record) if record.hints else f"make hint E={catalogue.name(exercise)}"


def peek(catalogue: Catalogue, exercise: Exercise) -> None:
    """Notes that the solution is shown, if the exercise is not solved yet."""
    note(
        catalogue.name(exercise),
        lambda was, now: was if was.passed else msgspec.structs.replace(was, peeked=was.peeked or now),
    )


def solution_files(catalogue: Catalogue, exercise: Exercise) -> list[Path]:
    """The files of the reference solution that differ from the starter's."""
    solution, starter = catalogue.folder / "solutions" / exercise.file, catalogue.folder / exercise.file
    if solution.is_file():
        return [solution]
    files = [path for path in sorted(solution.rglob("*")) if path.is_file()]
    return [path for path in files if path.name != "kustomization.yaml" and (starter / path.name).exists()]


def _numbered(exercise: Exercise, record: Record) -> str:
    return f"{record.hints} of {HINTS}: {exercise.hints[record.hints - 1]}"
