"""The doctor's table: what is needed, by whom, what is here, and the remedy for what is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from course.doctor.needs import needs, present
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from course.doctor.needs import LevelNeeds, Need
    from course.doctor.probes import Finding

__all__ = ["main", "report"]

_ROOT = Path(__file__).resolve().parents[3]
_STYLES = {"ok": "green", "missing": "bold red", "optional": "yellow"}


def main() -> int:
    """Prints the report on this machine; returns 1 when a level here cannot run, else 0."""
    return 0 if report(needs(_ROOT), present(_ROOT), make_console()) else 1


def report(rows: Sequence[Need], levels: Sequence[LevelNeeds], console: Console) -> bool:
    """Prints the table and which of `levels` can run; returns whether all of them can."""
    with ThreadPoolExecutor() as pool:
        findings = list(pool.map(lambda need: need.probe(), rows))
    table = make_table(console, "", "what", "needed by", "here → remedy")
    for need, finding in zip(rows, findings, strict=True):
        word = _word(need, finding)
        remedy = "" if finding.enough else f" → {need.remedy}"
        table.add_row(Text(word, _STYLES[word]), need.what, need.by, Text.assemble(finding.here, (remedy, "dim")))
    console.print(table)
    lacking = {need.what: need.levels for need, found in zip(rows, findings, strict=True) if not found.enough}
    verdicts = [
        _verdict(level, [what for what, numbers in lacking.items() if level.number in numbers]) for level in levels
    ]
    for text, _ in verdicts:
        console.print(text)
    return all(runs for _, runs in verdicts)


def _word(need: Need, finding: Finding) -> str:
    if finding.enough:
        return "ok"
    return "missing" if need.levels else "optional"


def _verdict(level: LevelNeeds, lacking: Sequence[str]) -> tuple[Text, bool]:
    if lacking:
        return Text(f"level {level.number} cannot run here yet: {', '.join(lacking)}", "bold red"), False
    return Text.assemble((f"level {level.number} runs here", "bold green"), f": make up-{level.number}"), True
