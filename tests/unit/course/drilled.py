"""A question of each form, a memory at a given moment, and a drill as a process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from course.drill import Choice, Memory, Question
from course.drill.dialogue import Dialogue
from course.drill.numeric import Draw, Numeric, numeric
from tests.interrupted import unmeasured
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


__all__ = ["CHOICE", "NOW", "Teletype", "dialogue", "memory_at", "question", "servers", "start_drill"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHOICE = Choice(
    id="choice-tail", subject="level-3", topic="Latency", difficulty="medium", question="Which figure hides the tail?",
    right="the mean", wrong=("the 99th percentile", "the maximum"), why="Few slow requests hardly move a mean.",
    source="proof: [sla.toml](../sla.toml)",
)  # fmt: skip


@numeric(id="number-servers", subject="level-1", topic="Scale", difficulty="easy", source="source: [x](https://x.org)")
def servers(draw: Draw) -> Numeric:
    """How many servers a rate needs."""
    rate = draw.integer(100, 900, 100)
    own = draw.results.sla(1)
    each = 10 if own is None else round(own.rate_rps)
    return Numeric(
        question=f"A server answers {each}/s. How many for {rate}/s?", answer=rate / each, unit="servers",
        tolerance=0.02, working=f"{rate} ÷ {each}", must=("headroom",),
    )  # fmt: skip


def question(name: str, topic: str = "Topic") -> Question:
    return Question(
        name, "level-1", topic, f"Why {name}?", "easy", "proof: [x](../../shared/README.md)", "Because of this.",
        ("first point", "second point", "third point"), ("extra",), ("a mistake, because it is",),
        "And?", "level-1.md", 1,
    )  # fmt: skip


def memory_at(path: Path, moment: datetime = NOW) -> Memory:
    return Memory(path / "drill.json", lambda: moment)


class Teletype(io.StringIO):
    """Standard input on which each line takes a minute to type."""

    minutes = 0

    def readline(self, *size: int) -> str:  # type: ignore[override]
        self.minutes += 1
        return super().readline(*size)

    def seconds(self) -> float:
        """A clock."""
        return 60.0 * self.minutes


def dialogue(monkeypatch: pytest.MonkeyPatch, typed: str) -> Dialogue:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return Dialogue(make_console())


def start_drill(folder: Path, *options: str) -> subprocess.Popen[str]:
    """``python -m course.drill`` in a folder, 80 columns wide, with its input and output in pipes."""
    environment = unmeasured() | {"COLUMNS": "80", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "shared")])}
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "course.drill", *options], cwd=folder, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
