"""The catalogue of a level's exercises, read from ``exercises.toml``: their order, titles, points and hints."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Catalogue", "CatalogueError", "Exercise", "read_catalogue"]


class CatalogueError(Exception):
    """A folder of exercises cannot be graded; the text says why."""


class Exercise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exercise.

    Attributes:
        id: how it is called on the command line, e.g. ``3``.
        file: the learner's file, or folder, relative to the exercises; `solutions/` has one of the same name.
        title: a few words.
        points: what it is worth, once all its checks pass.
        hint: shown as long as it is not solved.
        timeout_s: how long each of its checks may take.
    """

    id: str
    file: str
    title: str
    points: int
    hint: str
    timeout_s: float = 20.0


class _Toml(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: int
    exercise: list[Exercise]


@dataclass(frozen=True)
class Catalogue:
    """The exercises of a level in order, and their folder."""

    folder: Path
    level: int
    exercises: list[Exercise]

    def checks_file(self, exercise: Exercise) -> Path:
        """The Python file with the exercise's checks."""
        return self.folder / "checks" / f"{exercise.file.removesuffix('.py')}.py"

    def checks(self, exercise: Exercise) -> list[str]:
        """The names of the exercise's checks in the order of their file, which is read and not run."""
        tree = ast.parse(self.checks_file(exercise).read_text(encoding="utf-8"))
        return [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("check_")]

    def chosen(self, ids: list[str]) -> list[Exercise]:
        """The exercises with these ids, or all without one.

        Raises:
            CatalogueError: an id is unknown.
        """
        known = {exercise.id: exercise for exercise in self.exercises}
        for each in ids:
            if each not in known:
                raise CatalogueError(f"exercise {each}: expected one of {', '.join(known)}")
        return [known[each] for each in ids] or self.exercises


def read_catalogue(folder: Path) -> Catalogue:
    """The exercises in `folder`.

    Raises:
        CatalogueError: ``exercises.toml`` is missing or invalid, or an exercise has no checks.
    """
    path = folder / "exercises.toml"
    try:
        toml = msgspec.toml.decode(path.read_bytes(), type=_Toml)
    except (OSError, msgspec.MsgspecError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CatalogueError(f"{path}: {reason}: expected the exercises of a level") from None
    catalogue = Catalogue(folder, toml.level, toml.exercise)
    for exercise in catalogue.exercises:
        if not catalogue.checks_file(exercise).exists() or not catalogue.checks(exercise):
            raise CatalogueError(f"{catalogue.checks_file(exercise)}: expected functions named check_…")
    return catalogue
