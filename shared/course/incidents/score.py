"""The marks of a drill, and the file that keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from servekit.json_file import write_json

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from course.incidents.story import Story

__all__ = ["DrillOutcome", "Marks", "best_scores", "marks_of", "record"]

_ACKNOWLEDGED_S, _TOO_LATE_S = 60.0, 300.0
_DIAGNOSED_AT = 2 / 3
_NOTHING_AT = 4.0


@dataclass(frozen=True)
class DrillOutcome:
    """What a trainee did. Seconds count from the alert; None: it did not happen.

    Attributes:
        detect_s: until the alert was acknowledged.
        diagnose_s: until a diagnosis was stated.
        mitigate_s: until the level's objective held again, by the trainee's own hand.
        component: whether the component was the right one.
        cause: whether the cause was.
    """

    detect_s: float | None = None
    diagnose_s: float | None = None
    mitigate_s: float | None = None
    component: bool = False
    cause: bool = False


@dataclass(frozen=True)
class Marks:
    """Points of 100, in the order in which they were earned: what for, how many, of how many."""

    lines: tuple[tuple[str, int, int], ...]

    @property
    def score(self) -> int:
        """The sum of the points."""
        return sum(points for _, points, _ in self.lines)


def marks_of(outcome: DrillOutcome, story: Story) -> Marks:
    """The points of an outcome; times are held against the story's reference."""
    reference_s = float(story.reference_s)
    diagnosed_s = reference_s * _DIAGNOSED_AT
    lines = (
        ("alert acknowledged in time", _timely(outcome.detect_s, _ACKNOWLEDGED_S, _TOO_LATE_S, 10), 10),
        ("right component", 20 * outcome.component, 20),
        ("right cause", 30 * outcome.cause, 30),
        ("diagnosis in time", _timely(outcome.diagnose_s, diagnosed_s, diagnosed_s * _NOTHING_AT, 15), 15),
        ("repaired by yourself", 15 * (outcome.mitigate_s is not None), 15),
        ("repaired in time", _timely(outcome.mitigate_s, reference_s, reference_s * _NOTHING_AT, 10), 10),
    )
    if not (outcome.component and outcome.cause):  # a quick guess is worth nothing
        lines = (*lines[:3], ("diagnosis in time", 0, 15), *lines[4:])
    return Marks(lines)


def _timely(seconds: float | None, full_s: float, nothing_s: float, points: int) -> int:
    """All points up to `full_s`, none from `nothing_s` on, and in proportion between."""
    if seconds is None:
        return 0
    share = (nothing_s - seconds) / (nothing_s - full_s)
    return round(points * min(1.0, max(0.0, share)))


def record(file: Path, story: Story, outcome: DrillOutcome, when: datetime) -> None:
    """Adds a drill to the list in the file; a damaged file is kept beside the new one."""
    entry = {
        "id": story.id,
        "score": marks_of(outcome, story).score,
        "date": when.isoformat(timespec="seconds"),
        "detect_s": _rounded(outcome.detect_s),
        "diagnose_s": _rounded(outcome.diagnose_s),
        "mitigate_s": _rounded(outcome.mitigate_s),
    }
    try:
        done = _read(file)
    except (msgspec.DecodeError, ValueError):
        file.rename(file.with_suffix(".damaged"))
        done = []
    write_json(file, [*done, entry])


def best_scores(file: Path) -> dict[str, int]:
    """The best score by incident; empty when the file is missing or damaged."""
    best: dict[str, int] = {}
    try:
        for entry in _read(file):
            best[entry["id"]] = max(best.get(entry["id"], 0), int(entry["score"]))
    except (msgspec.DecodeError, ValueError, KeyError, TypeError):
        return {}
    return best


def _read(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    return msgspec.json.decode(file.read_bytes(), type=list[dict[str, Any]])


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
