"""The catalogue of a level's exercises, read from ``exercises.toml``: their order, titles, points and hints."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import msgspec

__all__ = ["Catalogue", "CatalogueError", "Exercise", "RealLine", "read_catalogue", "read_catalogues"]


class CatalogueError(Exception):
    """A folder of exercises cannot be graded, or an exercise is unknown; the text says why."""


class RealLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line of the real system that does what an exercise teaches.

    Attributes:
        file: from the root of the repository.
        text: a part of the line that no earlier line of the file contains; the line's number follows from it.
    """

    file: str
    text: str

    def place(self, root: Path = Path()) -> str:
        """The line as ``file:number``.

        Raises:
            CatalogueError: there is no such file, or no such line in it.
        """
        try:
            lines = (root / self.file).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise CatalogueError(f"{self.file}: {error.strerror}: expected the file with {self.text!r}") from None
        for number, line in enumerate(lines, 1):
            if self.text in line:
                return f"{self.file}:{number}"
        raise CatalogueError(f"{self.file}: no line contains {self.text!r}")


class Exercise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exercise.

    Attributes:
        id: how it is called within its level, e.g. ``3``.
        file: the learner's file, or folder, relative to the exercises; `solutions/` has one of the same name.
        title: a few words.
        points: what it is worth, once all its checks pass.
        minutes: how long it takes, about.
        skill: what one can do afterwards; follows "you learn".
        hints: a nudge, where to look, almost there; shown one at a time.
        why: why the solution is as it is; shown with it.
        real: the line of the real system that does the same.
        question: the interview question about the same, by its id.
        incident: the incident in which it is needed, if there is one.
        timeout_s: how long each of its checks may take.
    """

    id: str
    file: str
    title: str
    points: int
    minutes: int
    skill: str
    hints: tuple[str, str, str]
    why: str
    real: RealLine
    question: str = ""
    incident: str = ""
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

    def name(self, exercise: Exercise) -> str:
        """How an exercise is called among those of all levels, e.g. ``1.3``."""
        return f"{self.level}.{exercise.id}"

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


def read_catalogues(root: Path) -> list[Catalogue]:
    """The exercises of every level below `root`, in the order of the levels.

    Raises:
        CatalogueError: a level's ``exercises.toml`` is invalid.
    """
    return [read_catalogue(file.parent) for file in sorted(root.glob("0*-*/exercises/exercises.toml"))]


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
