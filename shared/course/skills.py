"""``make skills``: the map of the course, from each skill to its exercise, lesson, question and incident."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from course.exercises.catalogue import read_catalogues
from workbench.terminal import say
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["PAGE", "main", "page"]

PAGE = ROOT / "interview" / "skills.md"
_SECTION = re.compile(r"^## (?P<title>\d+\. .+)$", re.MULTILINE)
_HEAD = """# What you learn, and where

Each skill of the course with the exercise that checks it, the lesson that explains it, a question that asks for it, and
an incident in which you need it. `make skills` writes this page from the exercises and the lessons.

| you learn | exercise | lesson | question | incident |
|---|---|---|---|---|
"""


def page(root: Path = ROOT) -> str:
    """The page's text."""
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows(root))


def main() -> int:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")
    say(f"written: {PAGE.relative_to(ROOT)}")
    return 0


def _rows(root: Path) -> Iterator[tuple[str, ...]]:
    for catalogue in read_catalogues(root):
        for exercise in catalogue.exercises:
            yield (
                exercise.skill,
                f"[{catalogue.name(exercise)}](../{_relative(catalogue, root)}/{exercise.file}) {exercise.title}",
                ", ".join(_lessons(catalogue, exercise, root)),
                _question(exercise, root),
                f"[{exercise.incident}](incidents/{exercise.incident}.md)" if exercise.incident else "",
            )


def _relative(catalogue: Catalogue, root: Path) -> str:
    return catalogue.folder.relative_to(root).as_posix()


def _lessons(catalogue: Catalogue, exercise: Exercise, root: Path) -> Iterator[str]:
    """The sections of the level's READMEs, and of those in its folders, that lead to the exercise."""
    level = catalogue.folder.parent
    for file in (level / "README.md", *sorted(level.glob("*/README.md"))):
        text = file.read_text(encoding="utf-8")
        titles = [(found.start(), found["title"]) for found in _SECTION.finditer(text)]
        places = [found.start() for found in re.finditer(re.escape(f"Exercise [{catalogue.name(exercise)}]"), text)]
        last = [[title for start, title in titles if start < place][-1:] for place in places]
        for title in dict.fromkeys(each for found in last for each in found):
            yield f"[{title}](../{file.relative_to(root).as_posix()}#{_anchor(title)})"


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _question(exercise: Exercise, root: Path) -> str:
    for file in sorted((root / "interview" / "questions").glob("*.md")):
        if f"### {exercise.question} ·" in file.read_text(encoding="utf-8"):
            return f"[{exercise.question}](questions/{file.name})"
    return ""


if __name__ == "__main__":
    raise SystemExit(main())
