"""The two tables of the comparison, and its JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_api.commands.frameworks.field import Beyond
from servekit.json_file import write_json
from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from iris_api.commands.frameworks.row import Conformance, Row
    from workbench.hardware import HardwareStamp

__all__ = ["beyond_table", "figures_table", "write_report"]

_NONE = "–"


def figures_table(rows: Sequence[Row], console: Console) -> Table:
    """What was measured: CPU time for one request, memory of all its processes, start until the first answer."""
    measured, counted = ("req/s", "p50 ms", "p99 ms", "CPU µs", "MB"), ("start s", "packages", "MB on disk", "lines")
    title = "one core, one worker, 16 keep-alive connections"
    table = make_table(console, "framework", *measured, *counted, "telemetry", "OIP", title=title, numbers=1)
    for row in rows:
        table.add_row(row.title, *_figures(row), *_costs(row), row.telemetry, _oip(row.oip))
    return table


def beyond_table(rows: Sequence[Row], console: Console) -> Table:
    """What each gives beyond answering."""
    columns = Beyond.__struct_fields__
    table = make_table(console, "framework", *columns, title="and beyond answering")
    for row in rows:
        table.add_row(row.title, *(getattr(row.beyond, column) for column in columns))
    return table


def write_report(rows: Sequence[Row], stamp: HardwareStamp, rounds: int, seconds: float, path: Path) -> None:
    """Writes the rows, and the hardware they were measured on, as JSON."""
    document = {"command": "make frameworks-1", "hardware": stamp, "rounds": rounds, "seconds": seconds, "rows": rows}
    write_json(path, document)


def _figures(row: Row) -> list[str]:
    found = row.figures
    if found is None:
        return [_NONE] * 5
    return [
        f"{found.rps:,.0f}",
        f"{found.p50_ms:.1f}",
        f"{found.p99_ms:.1f}",
        f"{found.cpu_us:,.0f}",
        f"{found.rss_mb:.0f}",
    ]


def _costs(row: Row) -> list[str]:
    start = _NONE if row.start_s is None else f"{row.start_s:.1f}"
    packages = _NONE if row.packages is None else str(row.packages)
    size = _NONE if row.installed_mb is None else f"{row.installed_mb:.0f}"
    return [start, packages, size, str(row.lines)]


def _oip(found: Conformance | None) -> str:
    if found is None:
        return _NONE
    return f"{found.passed} passed, {found.failed_must}+{found.failed_should} failed"
