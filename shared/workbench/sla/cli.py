"""The command line: run, capacity, locust."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from servekit.errors import InvalidValueError, ServingError
from servekit.json_file import write_json
from workbench.sla.capacity import find_capacity
from workbench.sla.capacity_report import print_capacity, print_probe, render_capacity
from workbench.sla.load import locust_command, locust_environment
from workbench.sla.report import render_report
from workbench.sla.result import ExitCode
from workbench.sla.run import run
from workbench.sla.settings import load_sla, overridden
from workbench.sla.table import LiveProgress, print_result
from workbench.stack import StackError, elsewhere, own
from workbench.terminal import ScreenedConsole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from workbench.sla.settings import Sla

__all__ = ["main"]

_VERBS: Final = ("run", "capacity", "locust")


def main(arguments: Sequence[str]) -> int:
    """Dispatch; returns the exit code: 0 met, 1 broken, 2 invalid, 3 too close to tell, 130 interrupted."""
    verb, rest = (arguments[0], arguments[1:]) if arguments and arguments[0] in _VERBS else ("run", arguments)
    options, extra = _parser(verb).parse_known_args(rest)
    if extra and verb != "locust":
        _parser(verb).error(f"unknown options: {' '.join(extra)}")
    console = ScreenedConsole()
    try:
        stated = load_sla(options.path)
        sla = overridden(
            stated,
            rate_rps=getattr(options, "rate_rps", None),
            duration_s=getattr(options, "duration_s", None),
            longest_s=getattr(options, "duration_s", None),  # who says how long means no longer
            server__url=options.url.rstrip("/") if options.url is not None else _url(stated),
            server__start=f"level {stated.level} there" if elsewhere() else None,
            generator__workers=options.workers,
        )
        if verb == "locust":
            _locust(options.path, sla, options.out, extra)
        return (_capacity if verb == "capacity" else _run)(options.path, sla, options.out, console)
    except (ServingError, StackError) as problem:
        console.print(str(problem), style="yellow", highlight=False, markup=False, soft_wrap=True)
        return ExitCode.INVALID
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _parser(verb: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m workbench.sla {verb}")
    parser.add_argument("path", type=Path, help="the level's sla.toml")
    parser.add_argument("--out", type=Path, default=Path(".run/sla"), help="folder of the results")
    parser.add_argument("--url", help="another target than the one in sla.toml")
    parser.add_argument("--workers", type=int, help="load processes")
    if verb == "run":
        parser.add_argument("--rate", type=float, dest="rate_rps", help="requests per second")
        parser.add_argument(
            "--duration", type=float, dest="duration_s", help="seconds of the run; no longer run follows"
        )
    return parser


def _url(sla: Sla) -> str:
    """The address in ``URL``, else in the file, else where the level of this clone listens."""
    url = elsewhere()
    if url is not None and not url.startswith("http:"):
        raise InvalidValueError("URL", url, "the load is sent without TLS, expected http://HOST:PORT")
    return url or sla.server.url or own(sla.level).url


def _run(path: Path, sla: Sla, out: Path, console: Console) -> int:
    with LiveProgress(console) as progress:
        result, load = run(path, sla, out / str(sla.level), progress)
    write_json(out / f"{sla.level}.json", result)
    report = out / f"{sla.level}.html"
    report.write_text(render_report(result, load.samples), encoding="utf-8")
    print_result(console, result)
    console.print(f"report: {report}", style="dim", highlight=False, soft_wrap=True)
    return result.exit_code


def _capacity(path: Path, sla: Sla, out: Path, console: Console) -> int:
    with LiveProgress(console) as progress:
        folder = out / f"capacity-{sla.level}"
        result = find_capacity(path, sla, folder, progress, lambda probe: print_probe(console, probe))
    write_json(out / f"capacity-{sla.level}.json", result)
    report = out / f"capacity-{sla.level}.html"
    report.write_text(render_capacity(result), encoding="utf-8")
    print_capacity(console, result)
    console.print(f"report: {report}", style="dim", highlight=False, soft_wrap=True)
    return {"none": ExitCode.BROKEN, "interrupted": ExitCode.INTERRUPTED}.get(result.limit, ExitCode.MET)


def _locust(path: Path, sla: Sla, out: Path, options: Sequence[str]) -> None:
    command = locust_command(options)
    os.execve(command[0], command, locust_environment(path, sla, out / str(sla.level)))  # noqa: S606
