"""The report of a mock interview, in Markdown: points by rubric, what was missed, weak topics, what to read next."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from course.drill.bank import FOLDER, title_of, topic_of
from course.drill.grade import GRADES
from course.drill.mock.interview import clock_time
from course.drill.order import weakest
from servekit.whole_file import write_whole
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from pathlib import Path

    from course.drill.mock.interview import Interview
    from course.drill.order import Topic

__all__ = ["write_report"]

_TARGET = re.compile(r"\]\((?![a-z]+://)(?P<target>[^)#\s]+)")


def write_report(interview: Interview, known: Iterable[Topic], folder: Path, day: date) -> Path:
    """Writes the report, and returns its file: named for the day, with a number from the second on.

    Args:
        interview: as far as it was held.
        known: the topics, as the learner's memory has them by now.
        folder: where reports lie.
        day: of the interview.

    Raises:
        OSError: the report cannot be written.
    """
    names = (f"{day}{f'-{number}' if number > 1 else ''}.md" for number in range(1, 1000))
    path = next(folder / name for name in names if not (folder / name).exists())
    parts = (_head(interview, day), _stages(interview), _warm_up(interview), _missed(interview), _notes(interview),
             _weak(known), _next(interview, folder))  # fmt: skip
    write_whole(path, "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))).encode() + b"\n")
    return path


def _head(interview: Interview, day: date) -> Iterator[str]:
    yield f"# Mock interview, {day}\n"
    used = f"{clock_time(interview.seconds)} of {clock_time(interview.minutes * 60)}"
    yield f"**{interview.classic.title}**\n\n{interview.points:g} of 100 points, in {used} minutes."
    if len(interview.held) < len(interview.classic.stage):
        left = (stage.name for stage in interview.classic.stage[len(interview.held) :])
        yield f"Not reached: {'; '.join(left)}."


def _stages(interview: Interview) -> Iterator[str]:
    yield "## Points by rubric\n\n| stage | points | time | plan |\n|---|---|---|---|"
    for each in interview.held:
        times = f"{clock_time(each.seconds)} | {clock_time(each.planned_s)}"
        yield f"| {each.stage.name} | {each.points:g} of {each.stage.points} | {times} |"
    for stage in interview.classic.stage[len(interview.held) :]:
        yield f"| {stage.name} | 0 of {stage.points} | not reached | |"


def _warm_up(interview: Interview) -> Iterator[str]:
    if interview.warm_up:
        yield "## Warm-up\n\n| question | points | grade | time |\n|---|---|---|---|"
    for item, graded, seconds in interview.warm_up:
        points = f"{graded.said:g} of {graded.of}"
        yield f"| {title_of(item)} | {points} | {GRADES[graded.grade]} | {clock_time(seconds)} |"


def _missed(interview: Interview) -> Iterator[str]:
    gaps = [(title_of(item), graded.missed) for item, graded, _ in interview.warm_up]
    gaps += [(each.stage.name, each.missed) for each in interview.held]
    if any(missed for _, missed in gaps):
        yield "## What you did not say"
    for title, missed in gaps:
        if missed:
            yield f"\n{title}\n"
            yield from (f"- {point}" for point in missed)


def _notes(interview: Interview) -> Iterator[str]:
    if any(each.notes for each in interview.held):
        yield "## What you typed"
    for each in interview.held:
        if each.notes:
            yield f"\n{each.stage.name}\n"
            yield "\n>\n".join(f"> {note}" for note in each.notes)


def _weak(known: Iterable[Topic]) -> Iterator[str]:
    if weak := weakest(known, 5):
        yield "## Weak topics\n"
        yield from (f"- {topic.name}: {topic.points:.0%} of the points" for topic in weak)
        yield "\n`make drill MINUTES=20` asks these first."


def _next(interview: Interview, folder: Path) -> Iterator[str]:
    links = [link for each in interview.held if each.missed for link in each.stage.read]
    links = [_relinked(link, FOLDER / "mock", folder) for link in links]
    links += [
        f"{topic_of(item)}: {_relinked(item.source, FOLDER, folder)}"
        for item, graded, _ in interview.warm_up
        if graded.missed
    ]
    if links:
        yield "## What to read next\n"
        yield from (f"- {link}" for link in dict.fromkeys(links))


def _relinked(text: str, old: Path, new: Path) -> str:
    """A text whose links to files start from another folder."""

    def moved(link: re.Match[str]) -> str:
        target = os.path.normpath(old / link["target"])
        return f"]({os.path.relpath(target, ROOT / new)}"

    return _TARGET.sub(moved, text)
