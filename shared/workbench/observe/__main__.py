"""The command line: what ``make trace-N query-N observe observe-down dashboards`` run."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from workbench.observe import deployment, query, waterfall
from workbench.observe.errors import ObserveError
from workbench.observe.spans import by_id, last, read_trace, slowest, trace_files
from workbench.stack import run_folder
from workbench.terminal import make_console, say
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 when it could not, with the reason, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except ObserveError as error:
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workbench.observe", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    trace = commands.add_parser("trace", help="draw a trace of a level in the terminal")
    trace.add_argument("level", metavar="N", help="the level, a folder of .run/")
    which = trace.add_mutually_exclusive_group()
    which.add_argument("--slowest", action="store_const", dest="chooser", const=slowest, help="the slowest (default)")
    which.add_argument("--last", action="store_const", dest="chooser", const=last, help="the one that ended last")
    which.add_argument("--id", dest="trace_id", metavar="TRACE_ID", help="the one whose id begins so")
    trace.set_defaults(run=_trace, chooser=slowest)
    sql = commands.add_parser("query", help="query a level's logs and spans with SQL")
    sql.add_argument("level", metavar="N", help="the level, a folder of .run/")
    sql.add_argument("sql", nargs="?", default=os.environ.get("SQL", ""), help="the query (default: $SQL)")
    sql.set_defaults(run=_query)
    started = commands.add_parser("up", help="start what watches the levels: containers, else Prometheus alone")
    started.add_argument("--no-containers", dest="containers", action="store_false", help="leave Docker alone")
    started.set_defaults(run=lambda options: deployment.up(make_console(), containers=options.containers))
    stopped = commands.add_parser("down", help="stop it again")
    stopped.set_defaults(run=lambda _: deployment.down(make_console()))
    made = commands.add_parser("generate", help="write the dashboards and the cluster's rules from their sources")
    made.set_defaults(run=_generate)
    return parser


def _trace(options: argparse.Namespace) -> None:
    choose = by_id(options.trace_id) if options.trace_id else options.chooser
    waterfall.draw(read_trace(trace_files(_run_dir(options)), choose), make_console())


def _query(options: argparse.Namespace) -> None:
    with query.load(_run_dir(options)) as connection:
        query.run(connection, options.sql, make_console())


def _generate(_: argparse.Namespace) -> None:
    from workbench.observe.generate import write  # noqa: PLC0415 - the dashboards' SDK takes 0.3 s to import

    changed = write()
    for path in changed:
        say(f"written: {path.relative_to(ROOT)}")
    if not changed:
        say("nothing to do: every generated file is up to date")


def _run_dir(options: argparse.Namespace) -> Path:
    level: str = options.level
    return run_folder(int(level)) if level.isascii() and level.isdecimal() else Path(".run", level)


if __name__ == "__main__":
    sys.exit(main())
