"""Asks ``python -m planner.day`` for the requirements of a task and for the score of a design.

Where a task counts tokens, ``planner.token_day`` answers in its place.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from course.design.prompts import FOLDER, DesignError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["OUT", "Unit", "print_requirements", "score_design", "unit_of"]

Unit = Literal["requests", "tokens"]
OUT = Path(".run") / "design"
_LIMIT_S = 300
_REFUSED = 2


class _Verdict(msgspec.Struct):
    score: float


class _Task(msgspec.Struct):
    unit: Unit = "requests"


def unit_of(name: str) -> Unit:
    """What the day of a task counts.

    Raises:
        DesignError: its file cannot be read.
    """
    file = FOLDER / f"{name}.toml"
    try:
        return msgspec.toml.decode(file.read_bytes(), type=_Task).unit
    except (OSError, msgspec.DecodeError) as problem:
        raise DesignError(f"{file}: {problem}: expected the requirements of a task") from None


def print_requirements(name: str, console: Console) -> None:
    """Prints what a design of this task must hold.

    Raises:
        DesignError: the requirements cannot be read.
    """
    if _run(console, unit_of(name), "requirements", FOLDER / f"{name}.toml"):
        raise DesignError(f"{name}: its requirements cannot be shown")


def score_design(name: str, design: Path, day: int, console: Console) -> float | None:
    """Prints the score of a design with the reasons, and returns it; None when the design was refused.

    Raises:
        DesignError: the simulation failed or took longer than five minutes.
    """
    parts = (FOLDER / f"{name}.toml", design, FOLDER / "references" / f"{name}.toml", OUT)
    status = _run(console, unit_of(name), "score", *parts, f"--seed={day}")
    if status == _REFUSED:
        return None
    if status:
        raise DesignError(f"{design}: the simulation ended with status {status}, expected 0")
    return msgspec.json.decode((OUT / f"{name}.json").read_bytes(), type=_Verdict).score


def _run(console: Console, unit: Unit, *words: str | Path) -> int:
    module = {"requests": "planner.day", "tokens": "planner.token_day"}[unit]
    console.file.flush()
    try:
        done = subprocess.run([sys.executable, "-m", module, *map(str, words)], check=False, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        reason = f"took longer than {_LIMIT_S} s, expected some seconds: is the machine busy?"
        raise DesignError(f"{words[0]}: {reason}") from None
    return done.returncode
