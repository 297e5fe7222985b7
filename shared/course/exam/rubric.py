"""The rubric of an exam, read strictly from ``interview/exams/level-N.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["OF", "RUBRICS", "Criterion", "Rubric", "RubricError", "load_rubric"]

OF = 100
"""The points of every exam."""

RUBRICS = ROOT / "interview" / "exams"
Words = Annotated[str, msgspec.Meta(min_length=10)]


class RubricError(Exception):
    """A rubric has another form than the others; the text says where."""


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a rubric.

    Attributes:
        id: lower case words and dashes; names its check.
        points: what it earns as a whole.
        title: what a level does that has it, in a few words.
        asked: what the exam does to find out.
        fix: what to do first when it is missing.
        rights: whether it stops a process or changes data, and so is asked for first.
        here: whether it reads files or processes of the level, and so needs a level of this folder.
        cluster: what is done instead where the level is in a cluster; empty: as elsewhere.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]*\Z")]
    points: Annotated[int, msgspec.Meta(ge=1, le=OF)]
    title: Annotated[str, msgspec.Meta(min_length=3, max_length=44)]
    asked: Words
    fix: Words
    rights: bool = False
    here: bool = False
    cluster: str = ""


class Rubric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All criteria of a level; their points make 100."""

    level: int
    title: str
    criterion: list[Criterion]

    def only(self, ids: Iterable[str]) -> Rubric:
        """The rubric with these criteria alone, for one more try at some of them.

        Raises:
            RubricError: there is no such criterion.
        """
        known, wanted = {each.id for each in self.criterion}, list(ids)
        for name in wanted:
            if name not in known:
                raise RubricError(f"criterion {name}: expected one of {', '.join(sorted(known))}")
        return msgspec.structs.replace(self, criterion=[each for each in self.criterion if each.id in wanted])


def load_rubric(level: int, folder: Path = RUBRICS) -> Rubric:
    """The rubric of a level.

    Raises:
        RubricError: the file is missing or has another form, or its points do not make 100.
    """
    path = folder / f"level-{level}.toml"
    try:
        rubric = msgspec.toml.decode(path.read_bytes(), type=Rubric)
    except (OSError, msgspec.MsgspecError) as problem:
        raise RubricError(f"{path}: {problem}") from None
    total = sum(each.points for each in rubric.criterion)
    if total != OF:
        raise RubricError(f"{path}: {total} points in all: expected {OF}")
    if len({each.id for each in rubric.criterion}) != len(rubric.criterion):
        raise RubricError(f"{path}: a criterion is there twice")
    return rubric
