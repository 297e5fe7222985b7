"""The learner's designs and their scores: ``.learn/designs/ID.toml`` and ``.learn/designs.json``."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from course.design.prompts import FOLDER, DesignError
from course.exercises.work import WORK
from servekit.json_file import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from course.design.day import Unit

__all__ = ["RESULTS", "DesignScore", "best_scores", "design_file", "keep_score", "open_design", "read_scores"]

RESULTS = WORK / "designs.json"
_STARTERS = {"requests": FOLDER / "starter.toml", "tokens": FOLDER / "starter-tokens.toml"}


class DesignScore(msgspec.Struct, frozen=True):
    """What a design scored, of 100; the moment is ISO 8601 with its zone."""

    id: str
    score: float
    date: str


def design_file(name: str) -> Path:
    """Where the learner's design of a task lies, whether it is there yet or not."""
    return WORK / "designs" / f"{name}.toml"


def open_design(name: str, unit: Unit) -> bool:
    """Copies the starter of tasks that count in this unit where there is no design yet; returns whether it did."""
    file = design_file(name)
    if file.exists():
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_STARTERS[unit], file)
    return True


def read_scores() -> list[DesignScore]:
    """All scores, oldest first.

    Raises:
        DesignError: the file is there but cannot be read; it is left as it is.
    """
    try:
        return msgspec.json.decode(RESULTS.read_bytes(), type=list[DesignScore])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise DesignError(
            f"{RESULTS}: {error}: expected the scores that make design writes; move it away to begin anew"
        ) from None


def best_scores() -> dict[str, float]:
    """The best score of each task that has one; raises as `read_scores` does."""
    best: dict[str, float] = {}
    for each in read_scores():
        best[each.id] = max(each.score, best.get(each.id, 0.0))
    return best


def keep_score(name: str, score: float) -> None:
    """Adds a score to the file; raises as `read_scores` does."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    write_json(RESULTS, [*read_scores(), DesignScore(name, score, now)])
