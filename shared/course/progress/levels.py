"""A learner's progress on every level: exercises, the SLA's verdict, the exam, and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.text import Text

from course.exercises.catalogue import read_catalogues
from course.exercises.state import Record, read_records
from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["ExamPoints", "SlaVerdict", "levels_table", "next_step", "read_exam", "read_sla"]

EXAM_PASSED = 80
"""The points of 100 from which an exam counts as passed."""


class SlaVerdict(msgspec.Struct, frozen=True):
    """The part of ``.run/sla/N.json`` that the progress shows."""

    verdict: str
    p99_ms: float
    rate_rps: float


class ExamPoints(msgspec.Struct, frozen=True):
    """The part of ``.run/exam/N.json`` that the progress shows."""

    points: int
    of: int
    date: str


def levels_table(root: Path, console: Console) -> Table:
    """A row for each level that has exercises below `root`.

    Raises:
        CatalogueError: a level's ``exercises.toml`` is invalid.
        StateError: the learner's state cannot be read.
    """
    records = read_records()
    table = make_table(console, "level", "exercises", "points", "hints", "SLA", "exam", "grade", "next step")
    for catalogue in read_catalogues(root):
        sla = read_sla(root / f".run/sla/{catalogue.level}.json")
        exam = read_exam(root / f".run/exam/{catalogue.level}.json")
        marks, letter = _marks(catalogue, records), _letter(catalogue, records, sla)
        step = next_step(catalogue, records, sla, exam)
        table.add_row(str(catalogue.level), *marks, _promise(sla), _exam(exam), letter, step)
    return table


def read_sla(path: Path) -> SlaVerdict | None:
    """The verdict of the last load test; None when it is missing or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SlaVerdict)
    except (OSError, msgspec.MsgspecError):
        return None


def read_exam(path: Path) -> ExamPoints | None:
    """The points of the last exam; None when it is missing or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ExamPoints)
    except (OSError, msgspec.MsgspecError):
        return None


def next_step(
    catalogue: Catalogue, records: Mapping[str, Record], sla: SlaVerdict | None, exam: ExamPoints | None
) -> str:
    """The next step on a level: its first exercise that was never solved, then its SLA, then its exam, then none."""
    still = next((each for each in catalogue.exercises if not _passed(catalogue, each, records)), None)
    if still:
        return f"exercise {catalogue.name(still)}, {still.title}: make learn"
    if sla is None or sla.verdict != "met":
        return f"make up-{catalogue.level} sla-{catalogue.level}"
    if exam is None or exam.points < EXAM_PASSED:
        return f"make exam-{catalogue.level}"
    return "done"


def _passed(catalogue: Catalogue, exercise: Exercise, records: Mapping[str, Record]) -> bool:
    return bool(records.get(catalogue.name(exercise), Record()).passed)


def _points(catalogue: Catalogue, records: Mapping[str, Record]) -> tuple[int, int]:
    """The points earned, and those that there are."""
    earned = sum(each.points for each in catalogue.exercises if _passed(catalogue, each, records))
    return earned, sum(each.points for each in catalogue.exercises)


def _marks(catalogue: Catalogue, records: Mapping[str, Record]) -> tuple[str, str, str]:
    solved = sum(_passed(catalogue, each, records) for each in catalogue.exercises)
    hints = sum(records.get(catalogue.name(each), Record()).hints for each in catalogue.exercises)
    earned, most = _points(catalogue, records)
    return f"{solved}/{len(catalogue.exercises)}", f"{earned}/{most}", str(hints)


def _promise(sla: SlaVerdict | None) -> Text:
    if sla is None:
        return Text("not measured", "dim")
    figures = f", p99 {sla.p99_ms:.1f} ms at {sla.rate_rps:g}/s"
    style = {"met": "green", "too_close": "yellow"}.get(sla.verdict, "red")
    return Text(f"{sla.verdict.replace('_', ' ')}{figures}", style)


def _exam(exam: ExamPoints | None) -> Text:
    if exam is None:
        return Text("–", "dim")
    return Text(f"{exam.points}/{exam.of}", "green" if exam.points >= EXAM_PASSED else "yellow")


def _letter(catalogue: Catalogue, records: Mapping[str, Record], sla: SlaVerdict | None) -> str:
    """The letter: A for 90 % of the points and a met SLA, B for 75 %, C for 50 %, D for less, a dash for nothing."""
    earned, most = _points(catalogue, records)
    if not earned:
        return "–"
    share, met = earned / most, sla is not None and sla.verdict == "met"
    return "A" if share >= 0.9 and met else "B" if share >= 0.75 else "C" if share >= 0.5 else "D"  # noqa: PLR2004
