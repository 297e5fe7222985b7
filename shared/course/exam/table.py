"""An exam in the terminal: a line for each criterion while it goes on, then the points and what to fix first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from workbench.hardware import describe
from workbench.terminal import make_table, printable

if TYPE_CHECKING:
    from rich.console import Console

    from course.exam.result import CriterionResult, ExamResult
    from course.exam.rubric import Criterion, Rubric

__all__ = ["ExamProgress", "print_result", "print_rubric"]

_MARKS: Final = {"earned": ("✔", "green"), "lost": ("✘", "bold red"), "left out": ("–", "dim")}
_SHOWN: Final = 300
_FIXES: Final = 3


class ExamProgress(Progress):
    """Shows which criterion is being judged, and how many are; a plain file or pipe gets nothing of it."""

    def __init__(self, console: Console, rubric: Rubric) -> None:
        super().__init__(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), console=console,
            transient=True,
        )  # fmt: skip
        self._task = self.add_task("", total=len(rubric.criterion))
        self._begun = 0

    def begin(self, criterion: Criterion) -> None:
        """Names the criterion that is judged now."""
        self.update(self._task, description=criterion.title, completed=self._begun)
        self._begun += 1


def print_rubric(console: Console, rubric: Rubric) -> None:
    """The rubric as a table: what the exam asks, and for how many points."""
    table = make_table(console, "points", "criterion", "what the exam does", title=rubric.title, numbers=[0])
    for each in rubric.criterion:
        needs = " (asked for first)" if each.rights else ""
        table.add_row(str(each.points), each.title, f"{each.asked}{needs}")
    console.print(table)


def print_result(console: Console, result: ExamResult) -> None:
    """Every criterion with its points and what was seen, the sum, and what to fix first."""
    table = make_table(console, "", "criterion", "points", "seen", numbers=[2])
    for each in result.criteria:
        mark, style = _MARKS[each.outcome]
        points = f"{each.points}/{each.of}" if each.outcome != "left out" else "–"
        table.add_row(Text(mark, style), each.title, points, Text(_shown(each.seen), style if each.points == 0 else ""))
    console.print(table)
    console.print(Text(_sum(result), "bold green" if result.points == result.of else "bold yellow"), soft_wrap=False)
    if result.left_out:
        names = ", ".join(result.left_out)
        console.print(Text(f"left out of the total: {names} (the table says why)", "dim"))
    _print_fixes(console, result.first_fixes)
    if result.cluster:
        where = f"context {result.cluster['context']}, namespace {result.cluster['namespace']}"
        console.print(Text(f"examined in a cluster: {where}; asked from: {describe(result.hardware)}", "dim"))
    else:
        console.print(Text(describe(result.hardware), "dim"))
    console.print(Text(f"{result.code_is}: sha256 {result.code['sha256'][:16]}…, {result.code['files']} files", "dim"))


def _print_fixes(console: Console, lost: list[CriterionResult]) -> None:
    if not lost:
        return
    console.print(Text("What to fix first", "bold"))
    for number, each in enumerate(lost[:_FIXES], 1):
        console.print(Text.assemble(f"{number}. ", (each.title, "bold"), f" ({each.of} points): {each.fix}"))
    if len(lost) > _FIXES:
        console.print(Text(f"and {len(lost) - _FIXES} more, in the table above", "dim"))


def _sum(result: ExamResult) -> str:
    if not result.judged:
        return "nothing could be judged"
    whole = "" if result.judged == result.of else f" ({result.earned} of the {result.judged} that could be judged)"
    return f"level {result.level}: {result.points} of {result.of} points{whole}, in {result.seconds:.0f} s"


def _shown(text: str) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
