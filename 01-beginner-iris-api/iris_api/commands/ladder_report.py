"""The ladder's table, its JSON, and its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servekit.json_file import write_json
from workbench.bench import all_of, at_least, at_most
from workbench.hardware import hardware_stamp
from workbench.terminal import make_table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from workbench.bench import PeerResult

__all__ = ["conclude", "ladder_table", "write_report"]

_GOAL = 4.0


def ladder_table(rows: list[PeerResult], console: Console) -> Table:
    """The table of the rungs: CPU time for one request; ``ratio`` of requests per second to the tutorial's."""
    title = "one core, one worker, 16 keep-alive connections"
    table = make_table(console, "rung", "req/s", "p50 ms", "p99 ms", "CPU µs", "MB", "ratio", title=title, numbers=1)
    for row in rows:
        figures = f"{row.rps:,.0f}", f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", f"{row.cpu_us:.0f}", f"{row.rss_mb:.0f}"
        table.add_row(row.name, *figures, f"{row.rps / rows[0].rps:.1f}×")
    return table


def write_report(rows: list[PeerResult], path: Path) -> None:
    """Writes the rows, and the hardware they were measured on, as JSON."""
    report = {"command": "make ladder-1", "hardware": hardware_stamp(), "rows": rows}
    write_json(path, report)


def conclude(rows: list[PeerResult], console: Console) -> None:
    """Prints whether the last row beats the first by the goal, in every round."""
    tutorial, ours = rows[0], rows[-1]
    rounds = list(zip(ours.rounds, tutorial.rounds, strict=True))
    ratios = [mine.rps / theirs.rps for mine, theirs in rounds]
    quicker = at_most([mine.p99_ms / theirs.p99_ms for mine, theirs in rounds], 1)
    verdict = all_of([at_least(ratios, _GOAL), quicker])
    each = f"{min(ratios):.1f} to {max(ratios):.1f} in {len(ratios)} rounds"
    ratio = f"{ours.rps / tutorial.rps:.1f}×"
    console.print(f"{ours.name}: {ratio} the tutorial's requests per second (goal: {_GOAL:.0f}×; {each})")
    console.print(f"p99 {ours.p99_ms:.1f} ms against {tutorial.p99_ms:.1f} ms: goal {verdict}")
