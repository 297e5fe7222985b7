"""The prompts of ``interview/design/``: a task in words, questions to ask first, a rubric, where to look."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FOLDER", "SECTIONS", "Design", "DesignError", "read_design", "read_designs"]

FOLDER = ROOT / "interview" / "design"
SECTIONS = ["Prompt", "Ask before you draw", "Rubric", "What the repository shows"]
_TITLE = re.compile(
    r"# (?P<id>[a-z][a-z-]*) · (?P<title>.+)\n\nLevel (?P<level>\d) · (?P<minutes>\d+) minutes\n\n",
)
_ROW = re.compile(r"^\| [^|]+ \| (\d+) \|", re.MULTILINE)
_ALL_POINTS = 100


class DesignError(Exception):
    """A prompt has another form than the others or does not exist, or a design cannot be scored."""


@dataclass(frozen=True)
class Design:
    """A design prompt; `sections` maps a heading to its Markdown."""

    id: str
    title: str
    level: int
    minutes: int
    sections: dict[str, str]


def read_design(path: Path) -> Design:
    """The prompt in a file.

    Raises:
        DesignError: its title or sections are not as expected, or its rubric's points do not add up to 100.
    """
    text = path.read_text(encoding="utf-8")
    head = _TITLE.match(text)
    if head is None or head["id"] != path.stem:
        raise DesignError(f"{path}: expected '# {path.stem} · TITLE', then 'Level N · M minutes'")
    _, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    if parts[::2] != SECTIONS:
        raise DesignError(f"{path}: sections {', '.join(parts[::2])}: expected {', '.join(SECTIONS)}")
    sections = {heading: body.strip() for heading, body in zip(parts[::2], parts[1::2], strict=True)}
    points = sum(map(int, _ROW.findall(sections["Rubric"])))
    if points != _ALL_POINTS:
        raise DesignError(f"{path}: rubric {points} points: expected {_ALL_POINTS}")
    return Design(head["id"], head["title"], int(head["level"]), int(head["minutes"]), sections)


def read_designs(folder: Path = FOLDER) -> dict[str, Design]:
    """All prompts of a folder by their names, the easiest level first; raises as `read_design` does."""
    found = [read_design(path) for path in sorted(folder.glob("*.md"))]
    return {design.id: design for design in sorted(found, key=lambda design: design.level)}
