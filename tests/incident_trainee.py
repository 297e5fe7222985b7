"""A trainee whose answers are scripted: what proves that an incident breaks something, and that its fix repairs it."""

from __future__ import annotations

import io
import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course.incidents.__main__ import DONE, main
from course.incidents.catalogue import read_catalogue
from course.incidents.holder import load_fault
from course.incidents.story import read_stories
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from course.incidents import Story

__all__ = ["CHECKS", "Proof", "Typed", "incidents_of", "prove", "same_environment"]

FOLDER = ROOT / "interview" / "incidents"
CHECKS = ("--hold-s", "4", "--settle-s", "3")
"""A repair must hold for 4 s here, not for 30: every incident's test waits for it."""
_PATIENCE = 30


class Typed(io.TextIOBase):
    """Standard input whose lines are made when they are asked for, so that something can happen between two of them."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def readline(self, _: int = -1) -> str:  # type: ignore[override]
        """The next line; empty at the end."""
        return next(self._lines, "")


@dataclass(frozen=True)
class Proof:
    """What a drill printed, and its marks: points and the most that can be had, by name."""

    printed: str
    marks: dict[str, tuple[int, int]]


@contextmanager
def same_environment() -> Iterator[None]:
    """After the block the environment is what it was: a drill takes over the settings of the level that it finds."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def incidents_of(level: int, extra: str = "") -> list[str]:
    """The ids of the incidents of a level, or of what runs beside it."""
    return [story.id for story in read_stories(FOLDER).values() if (story.level, story.extra) == (level, extra)]


def prove(incident: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Proof:
    """Runs a drill, and checks what every incident must do.

    The real alert fires; users notice; saying that it is repaired does not close it; a wrong cause costs its points and
    nothing else; the reference fix makes the objective hold; the level is restored.
    """
    story = read_stories(FOLDER)[incident]
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", Typed(_answers(story)))
    code = main([incident, "--yes", *CHECKS])
    printed, errors = capsys.readouterr()
    assert code == 0, printed + errors
    assert re.search(rf"PAGE {story.alert} ", printed), printed
    before, _, after = printed.partition("Which component?")
    assert "not yet: " in before, printed
    assert "repaired: the objective has held for 4 s" in after, printed
    assert f"restored: level {story.level} is healthy" in after
    marks = {name.strip(): (int(got), int(most)) for name, got, most in _MARK.findall(printed)}
    assert marks["right component"] == (20, 20)
    assert marks["right cause"] == (0, 30)
    assert marks["diagnosis in time"] == (0, 15)  # a wrong one is never in time
    assert marks["repaired by yourself"] == (15, 15)
    done = json.loads(DONE.read_bytes())[-1]
    assert (done["id"], done["score"]) == (incident, sum(got for got, _ in marks.values()))
    return Proof(printed, marks)


_MARK = re.compile(r"^ *((?:alert|right|diagnosis|repaired)[a-z ]+?) +(\d+) +(\d+)", re.MULTILINE)


def _answers(story: Story) -> Iterator[str]:
    catalogue = read_catalogue(FOLDER / "catalogue.toml")
    components = [choice.id for choice in catalogue.components(story.level)]
    wrong = [choice.id for choice in catalogue.causes(story.level)].index(story.cause) or -1
    yield "\n"
    yield "s\n"
    yield "m\n"
    yield "d\n"
    yield f"{components.index(story.component) + 1}\n"
    yield f"{wrong if wrong > 0 else 2}\n"  # the cause before the right one
    yield "somebody said so\n"
    load_fault(story.id).fix()
    for _ in range(_PATIENCE):
        yield "m\n"
