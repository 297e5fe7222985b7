"""The rubrics as people read them: ``interview/exams/README.md``, written from the TOML files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from course.exam.rubric import OF, RUBRICS, load_rubric

if TYPE_CHECKING:
    from pathlib import Path

    from course.exam.rubric import Criterion

__all__ = ["PUBLISHED", "publish"]

PUBLISHED: Final = RUBRICS / "README.md"

_HEAD: Final = """# The rubrics of the exams

What `make exam-1` to `exam-3` ask, and for how many points. A criterion earns all of its points or none. 🔑 marks those
that stop a process or change data of the level, and are asked for first; 📁 those that read the level's files, which
takes a level that runs from this folder. ☸ says what is done instead where the level is in a cluster (`CONTEXT=…`);
all else with 🔑 or 📁 is left out of the total there, as it is at a `URL`. `make skills` writes this page from the TOML
files beside it.
"""
_FILE: Final = re.compile(r"level-(\d+)\.toml")


def publish(folder: Path = RUBRICS) -> str:
    """The page, for all rubrics in a folder.

    Raises:
        RubricError: one of them has another form than the others.
    """
    levels = sorted(int(found[1]) for path in folder.iterdir() if (found := _FILE.fullmatch(path.name)))
    return _HEAD + "".join(_section(level, folder) for level in levels)


def _section(level: int, folder: Path) -> str:
    rubric = load_rubric(level, folder)
    rows = "\n".join(_row(each) for each in rubric.criterion)
    return (
        f"\n## Level {level}: {rubric.title[0].lower()}{rubric.title[1:]}\n\n"
        f"| points of {OF} | the level … | what the exam does |\n|---:|---|---|\n{rows}\n"
    )


def _row(criterion: Criterion) -> str:
    marks = " 🔑" * criterion.rights + " 📁" * criterion.here
    instead = f" ☸ {criterion.cluster}" if criterion.cluster else ""
    return f"| {criterion.points} | {criterion.title}{marks} | {criterion.asked}{instead} |"
