"""The story of an incident, read strictly from Markdown that also reads well by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Story", "StoryError", "read_stories", "read_story"]

_TITLE = re.compile(
    r"# (?P<id>[a-z][a-z-]*) · (?P<title>.+)\n\n"
    r"Level (?P<level>\d)(?: with (?P<extra>[a-z]+))? · alert (?P<alert>[A-Z]\w+) · reference (?P<reference>\d+) s\n"
)
_TOLD = ("What you are told", "Where to look")
_ANSWER = ("Cause", "Evidence", "Fix", "Never again", "Debrief", "Interview answer")
_LAYERS = ("Application", "Infrastructure", "Data")
_FOLD = "<details><summary>The answer</summary>"
_DIAGNOSIS = re.compile(r"Diagnosis: `(?P<component>[a-z0-9-]+)` · `(?P<cause>[a-z0-9-]+)`\n\n")


class StoryError(Exception):
    """A story has another form than the others; the text says where."""


@dataclass(frozen=True)
class Story:
    """One incident.

    Attributes:
        id: its name.
        title: what somebody notices first.
        level: which it breaks.
        extra: what must run beside the level (``make up-3 WITH=assistant``); empty: nothing.
        alert: the rule in ``infra/prometheus/rules`` that fires.
        reference_s: seconds from the alert to the repair, of somebody who knows the level.
        component: what is broken, by its id in the catalogue.
        cause: why, by its id in the catalogue.
        sections: Markdown by heading.
    """

    id: str
    title: str
    level: int
    extra: str
    alert: str
    reference_s: int
    component: str
    cause: str
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
        raise StoryError(
            f"{path}: expected to begin with '# {path.stem} · TITLE', a blank line and "
            "'Level N · alert NAME · reference SECONDS s'"
        )
    sections = _sections(path, text)
    diagnosis = _DIAGNOSIS.match(sections["Cause"])
    if diagnosis is None:
        raise StoryError(f"{path}: Cause: expected to begin with 'Diagnosis: `COMPONENT` · `CAUSE`' and a blank line")
    sections["Cause"] = sections["Cause"].removeprefix(diagnosis[0])
    missing = [layer for layer in _LAYERS if f"**{layer}.**" not in sections["Debrief"]]
    if missing:
        raise StoryError(f"{path}: Debrief: expected a paragraph that begins with **{missing[0]}.**")
    return Story(
        head["id"], head["title"], int(head["level"]), head["extra"] or "", head["alert"], int(head["reference"]),
        diagnosis["component"], diagnosis["cause"], sections,
    )  # fmt: skip


def _sections(path: Path, text: str) -> dict[str, str]:
    first, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    headings = tuple(parts[::2])
    if headings != _TOLD + _ANSWER:
        raise StoryError(f"{path}: sections {', '.join(headings)}: expected {', '.join(_TOLD + _ANSWER)}")
    folded = parts[2 * len(_TOLD) - 1].rstrip().endswith(_FOLD)
    if not folded or text.count(_FOLD) != 1 or not text.endswith("</details>\n") or first.count(_FOLD):
        raise StoryError(f"{path}: expected {_FOLD} before Cause and </details> at the end")
    bodies = [part.replace(_FOLD, "").removesuffix("</details>\n").strip() for part in parts[1::2]]
    return dict(zip(headings, bodies, strict=True))
