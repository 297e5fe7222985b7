"""A learner's progress in what is practised beside the levels: questions, incidents, designs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from course.drill.bank import read_bank
from course.drill.memory import Memory
from course.drill.order import topics
from workbench.terminal import make_table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

__all__ = ["Scored", "best_scores", "practice_table"]

_SCORED = {"incident": "interview/incidents", "design": "interview/design"}
"""What ``make incident`` and ``make design`` score, and where these are."""


class Scored(msgspec.Struct, frozen=True):
    """The part of an entry of ``.learn/incidents.json`` or ``.learn/designs.json`` that the progress shows."""

    id: str
    score: float


def practice_table(root: Path, console: Console) -> Table:
    """A row for each kind of practice, below the repository's `root`.

    Raises:
        QuestionError: a question is not of its form.
        MemoryUnreadableError: the memory of the questions is damaged.
    """
    table = make_table(console, "practice", "done", "points of 100", "next")
    table.add_row("questions", *_questions(root))
    for kind, folder in _SCORED.items():
        best = best_scores(root / f".learn/{kind}s.json")
        there = len(list((root / folder).glob("*.md")))
        mean = f"{sum(best.values()) / len(best):.0f}" if best else "–"
        table.add_row(f"{kind}s", f"{len(best)} of {there}", mean, f"make {kind}")
    return table


def best_scores(file: Path) -> dict[str, float]:
    """The best score by id; empty when the file is missing or damaged."""
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[Scored])
    except (OSError, msgspec.MsgspecError):
        return {}
    best: dict[str, float] = {}
    for entry in entries:
        best[entry.id] = max(best.get(entry.id, 0.0), entry.score)
    return best


def _questions(root: Path) -> tuple[str, str, str]:
    """How many were asked, the mean of their last points, and what is due."""
    known = topics(items := read_bank(), Memory(root / ".learn/drill.json"))
    asked, due = sum(topic.asked for topic in known), sum(topic.due for topic in known)
    earned = sum(topic.points * topic.asked for topic in known if topic.points is not None)
    step = f"{due} due: make drill" if due else "make drill"
    return f"{asked} of {len(items)}", f"{100 * earned / asked:.0f}" if asked else "–", step
