"""The commands that verify a directory and measure the cost of a record."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from servekit.audit.errors import AuditError
from servekit.audit.verify import verify
from workbench.arguments import count
from workbench.audit.bench import bench
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from servekit.audit.verify import DirectoryReport, FileReport, WriterReport

__all__ = ["main"]

_SOUND, _TAMPERED, _UNVERIFIED = 0, 1, 2
_SHOWN = 10
_HASH = re.compile(r"[0-9a-f]{64}")
_HEAD = re.compile(r"\d[\d.e+]{,24}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 for a sound log, 1 for a tampered (or too slow) one, 2 for one that cannot be verified."""
    parser = argparse.ArgumentParser(prog="python -m workbench.audit", description="The hash-chained audit log.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify", help="find changed, dropped, reordered lines (under AUDIT_KEY, if set)")
    check.add_argument("directory", type=Path)
    check.add_argument("--anchor", action="append", default=[], help="a hash noted elsewhere; also read from ANCHOR")
    cost = commands.add_parser("bench", help="measure the cost of a record")
    cost.add_argument("--events", type=count, default=20_000, help="records in each round (default 20000)")
    cost.add_argument("--output", type=Path, default=Path(".run/bench/audit.json"))
    options = parser.parse_args(arguments)
    console = make_console()
    if options.command == "bench":
        return bench(console, options.events, options.output)
    return _verify(console, options.directory, [*options.anchor, *os.environ.get("ANCHOR", "").split()])


def _verify(console: Console, directory: Path, anchors: list[str]) -> int:
    try:
        _check_anchors(anchors)
        report = verify(directory, os.environ.get("AUDIT_KEY", ""))
    except AuditError as error:
        console.print(Text(str(error), "red"))
        return _UNVERIFIED
    _table(console, report.chains)
    problems = [str(problem) for problem in report.problems] + _missed(anchors, report)
    for problem in problems[:_SHOWN]:
        console.print(Text(problem, "red"))
    if len(problems) > _SHOWN:
        console.print(Text(f"and {len(problems) - _SHOWN} more", "red"))
    if not problems:
        ends = " ".join(chain.head[1] for chain in report.chains if chain.files)
        console.print(f'note this elsewhere for the next check: ANCHOR="{ends}"', soft_wrap=True)
        console.print(Text("every line is intact, none is missing", "green"))
    return _TAMPERED if problems else _SOUND


def _check_anchors(anchors: list[str]) -> None:
    for anchor in anchors:
        if not _HASH.fullmatch(anchor) and _beginning(anchor) is None:
            raise AuditError(f"anchor {anchor!r}: expected 64 hex digits, or a value of serving_audit_head")


def _missed(anchors: list[str], report: DirectoryReport) -> list[str]:
    known = report.hashes | {mark[:12] for mark in report.hashes}
    missed = [anchor for anchor in anchors if (_beginning(anchor) or anchor) not in known]
    return [f"anchor {anchor}: no line has this hash, the log was rewritten" for anchor in missed]


def _beginning(anchor: str) -> str | None:
    """The first 12 hex digits of a hash, from the value of the metric that has them."""
    try:
        value = float(anchor) if _HEAD.fullmatch(anchor) else -1.0
    except ValueError:
        return None
    return f"{int(value):012x}" if 0 <= value < 2**48 and value.is_integer() else None


def _table(console: Console, chains: list[WriterReport]) -> None:
    table = make_table(console, "file", "lines", "first", "last", "state", numbers=[1])
    for chain in chains:
        for file in chain.files:
            times = (f"{time:%Y-%m-%d %H:%M:%S}" if time else "" for time in (file.first, file.last))
            table.add_row(file.path.name, str(file.lines), *times, _state(file))
    console.print(table)
    for chain in chains:
        if chain.files:
            console.print(f"{chain.writer}: ends at seq {chain.head[0]}, hash {chain.head[1]}")


def _state(file: FileReport) -> Text:
    if file.problems:
        first = file.problems[0]
        return Text(first.text if first.line is None else f"line {first.line} {first.text}", "bold red")
    return Text("; ".join(file.notes), "yellow") if file.notes else Text("sound", "green")
