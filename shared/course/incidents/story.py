"""The story of an incident, read strictly from Markdown that also reads well by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Story", "StoryError", "read_stories", "read_story"]

_TITLE = re.compile(r"# (?P<id>[a-z][a-z-]*) · (?P<title>.+)\n\nLevel (?P<level>\d)\n")
_SECTIONS = ("What you are told", "Where to look", "Cause", "Evidence", "Fix", "Never again")
_FOLD = "<details><summary>Cause, evidence, fix</summary>"


class StoryError(Exception):
    """A story has another form than the others; the text says where."""


@dataclass(frozen=True)
class Story:
    """One incident; `sections` maps a heading to its Markdown."""

    id: str
    title: str
    level: int
    sections: dict[str, str]


def read_stories(folder: Path) -> dict[str, Story]:
    """The stories in a folder by id, README.md left out.

    Raises:
        StoryError: a story has another form.
    """
    paths = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    stories = [read_story(path) for path in paths]
    return {story.id: story for story in stories}


def read_story(path: Path) -> Story:
    """The story in a file.

    Raises:
        StoryError: the title, a section or the fold around the answer is missing or out of order.
    """
    text = path.read_text(encoding="utf-8")
    head = _TITLE.match(text)
    if head is None or head["id"] != path.stem:
        raise StoryError(f"{path}: expected to begin with '# {path.stem} · TITLE', a blank line and 'Level N'")
    first, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    headings = tuple(parts[::2])
    if headings != _SECTIONS:
        raise StoryError(f"{path}: sections {', '.join(headings)}: expected {', '.join(_SECTIONS)}")
    if text.count(_FOLD) != 1 or not text.endswith("</details>\n") or first.count(_FOLD):
        raise StoryError(f"{path}: expected {_FOLD} before Cause and </details> at the end")
    bodies = [part.replace(_FOLD, "").removesuffix("</details>\n").strip() for part in parts[1::2]]
    return Story(head["id"], head["title"], int(head["level"]), dict(zip(headings, bodies, strict=True)))
