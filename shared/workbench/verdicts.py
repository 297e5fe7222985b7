"""How far each verdict can be believed: ``make verdicts`` simulates worlds whose truth is known and counts its words.

A verdict is a measuring instrument, and has what every instrument has: an operating characteristic. At one true size
of effect it is right so often and wrong so often. Whoever acts on verdicts wants to know both, before.

Each module named on the command line has a function ``characteristics(seed)`` that yields a `Row` for each truth that
it simulated. All of them go to the terminal, to ``.run/verdicts.json`` and, with ``--readme FILE``, into the table
there. The same seed gives the same rows, so that tests hold the table to the code.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from servekit.json_file import write_json
from servekit.shares import wilson
from workbench.hardware import HardwareStamp, describe, hardware_stamp
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["SEED", "Row", "main", "readme_table", "rows_of"]

SEED: Final = 20_261_128
_BEGIN, _END = "<!-- verdicts: make verdicts writes this table -->", "<!-- end of verdicts -->"
_COLUMNS: Final = ("verdict", "what is true", "what it says", "how often", "required")


class Row(msgspec.Struct, frozen=True):
    """How often a verdict said one thing, at one truth.

    Args:
        verdict: which one, by the name its users know: ``canary 3``, ``SLA``, ``alert FeatureDrift``.
        truth: the world that was simulated, with its size of effect: ``loses 4 %, twice the margin``.
        says: what was counted: ``promoted``, ``met``, ``fires``.
        times: how often it said so.
        runs: of how many simulated worlds.
        at_least: the least share that the design asks for; 0 asks nothing.
        at_most: the largest; 1 asks nothing.
    """

    verdict: str
    truth: str
    says: str
    times: int
    runs: int
    at_least: float = 0.0
    at_most: float = 1.0

    @property
    def share(self) -> float:
        """The share of the runs in which the verdict said so, from 0 to 1."""
        return self.times / self.runs

    @property
    def as_designed(self) -> bool:
        """Whether the share is what the design asks for."""
        return self.at_least <= self.share <= self.at_most

    @property
    def wanted(self) -> str:
        """What the design asks for, in words."""
        if self.at_least > 0:
            return f"≥ {_percent(self.at_least)}"
        return f"≤ {_percent(self.at_most)}" if self.at_most < 1 else ""


class _VerdictsFile(msgspec.Struct, frozen=True):
    """The contents of ``.run/verdicts.json``."""

    seed: int
    seconds: float
    hardware: HardwareStamp
    rows: list[Row]


def rows_of(module: str, seed: int = SEED) -> list[Row]:
    """What one module's simulations say."""
    rows: Iterable[Row] = import_module(module).characteristics(seed)
    return list(rows)


def readme_table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    cells = [_COLUMNS, ("---",) * len(_COLUMNS), *(_cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate and print; returns 1 when a verdict is not as good as its design asks for."""
    parser = argparse.ArgumentParser(prog="python -m workbench.verdicts", description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="+", metavar="MODULE", help="a module with characteristics(seed)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"another world of chance ({SEED})")
    parser.add_argument("--readme", type=Path, help="write the table between its marks in this file")
    parser.add_argument("--output", type=Path, default=Path(".run/verdicts.json"))
    arguments = parser.parse_args(argv)
    began = time.monotonic()
    rows = _simulate(arguments.modules, arguments.seed)
    report = _VerdictsFile(arguments.seed, round(time.monotonic() - began, 1), hardware_stamp(), rows)
    write_json(arguments.output, report)
    if arguments.readme:
        _write_table(arguments.readme, readme_table(rows))
    _print(report)
    return 0 if all(row.as_designed for row in rows) else 1


def _simulate(modules: Sequence[str], seed: int) -> list[Row]:
    rows: list[Row] = []
    for module in modules:
        began = time.monotonic()
        found = rows_of(module, seed)
        print(f"{time.monotonic() - began:5.1f} s  {module}: {len(found)} rows", file=sys.stderr, flush=True)  # noqa: T201
        rows.extend(found)
    return rows


def _print(report: _VerdictsFile) -> None:
    console = make_console()
    table = make_table(console, *_COLUMNS)
    for row in report.rows:
        table.add_row(*_cells(row), style=None if row.as_designed else "bold red")
    console.print(table)
    for row in (row for row in report.rows if not row.as_designed):
        missed = f"✗ {row.verdict}, {row.truth}: {row.says} {_often(row)}, required {row.wanted}"
        console.print(missed, style="bold red", markup=False, soft_wrap=True)
    console.print(
        f"{report.seconds:g} s, seed {report.seed} · {describe(report.hardware)}", style="dim", soft_wrap=True
    )


def _write_table(path: Path, table: str) -> None:
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise SystemExit(f"{path}: no place for the table, expected the lines {_BEGIN} and {_END}")
    path.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    return row.verdict, row.truth, row.says, _often(row), row.wanted


def _often(row: Row) -> str:
    """The share with its own interval: a simulation is a sample too."""
    low, high = wilson(row.times, row.runs)
    return f"{_percent(row.share)} ({_number(low)} to {_number(high)})"


def _percent(share: float) -> str:
    return f"{_number(share)} %"


def _number(share: float) -> str:
    """Hundredths, to as many figures as a simulation of some hundred worlds can tell."""
    return f"{100 * share:.3g}" if share >= 0.1 else f"{100 * share:.2g}"  # noqa: PLR2004


if __name__ == "__main__":
    sys.exit(main())
