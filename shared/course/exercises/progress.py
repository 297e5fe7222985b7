"""A learner's progress on every level: exercises, the SLA's verdict, and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.text import Text

from course.exercises.catalogue import Catalogue, read_catalogue
from course.exercises.grade import Grade, read_grade
from workbench.terminal import make_table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

__all__ = ["SlaVerdict", "next_step", "read_sla", "show_progress"]


class SlaVerdict(msgspec.Struct, frozen=True):
    """The part of ``.run/sla/N.json`` that the progress shows."""

    verdict: str
    p99_ms: float
    rate_rps: float


def show_progress(root: Path, console: Console) -> int:
    """Prints a row for each level that has exercises below `root`; returns 0 even when some are open.

    Raises:
        CatalogueError: a level's ``exercises.toml`` is invalid.
    """
    folders = sorted(file.parent for file in root.glob("0*-*/exercises/exercises.toml"))
    table = make_table(console, "level", "exercises", "points", "SLA", "grade", "next step")
    for catalogue in map(read_catalogue, folders):
        grade = read_grade(root / f".run/grade/{catalogue.level}.json")
        sla = read_sla(root / f".run/sla/{catalogue.level}.json")
        table.add_row(str(catalogue.level), *_marks(catalogue, grade), _promise(sla), _letter(grade, sla),
                      next_step(catalogue, grade, sla))  # fmt: skip
    console.print(table)
    console.print("then: [bold]make drill[/] (questions), [bold]make incident[/] (faults), [bold]make design[/]")
    return 0


def read_sla(path: Path) -> SlaVerdict | None:
    """The verdict of the last load test; None when it is missing or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SlaVerdict)
    except (OSError, msgspec.MsgspecError):
        return None


def next_step(catalogue: Catalogue, grade: Grade | None, sla: SlaVerdict | None) -> str:
    """The next step on a level: its first open exercise, then its SLA, then none."""
    if grade is None:
        first = catalogue.exercises[0].file
        return f"open {catalogue.folder / first}, then make grade-{catalogue.level}"
    still = next((each for each in grade.exercises if each.state != "solved"), None)
    if still:
        return f"exercise {still.id}, {still.title}: {catalogue.folder / still.file}"
    if sla is None or sla.verdict != "met":
        return f"make up-{catalogue.level} sla-{catalogue.level}"
    return "done"


def _marks(catalogue: Catalogue, grade: Grade | None) -> tuple[str, str]:
    if grade is None:
        return f"0/{len(catalogue.exercises)}", f"0/{sum(each.points for each in catalogue.exercises)}"
    return f"{grade.solved}/{len(grade.exercises)}", f"{grade.points}/{grade.max_points}"


def _promise(sla: SlaVerdict | None) -> Text:
    if sla is None:
        return Text("not measured", "dim")
    figures = f", p99 {sla.p99_ms:.1f} ms at {sla.rate_rps:g}/s"
    style = {"met": "green", "too_close": "yellow"}.get(sla.verdict, "red")
    return Text(f"{sla.verdict.replace('_', ' ')}{figures}", style)


def _letter(grade: Grade | None, sla: SlaVerdict | None) -> str:
    """The letter: A for 90 % of the points and a met SLA, B for 75 %, C for 50 %, D for less, a dash for nothing."""
    if grade is None or not grade.points:
        return "–"
    share = grade.points / max(grade.max_points, 1)
    met = sla is not None and sla.verdict == "met"
    return "A" if share >= 0.9 and met else "B" if share >= 0.75 else "C" if share >= 0.5 else "D"  # noqa: PLR2004
