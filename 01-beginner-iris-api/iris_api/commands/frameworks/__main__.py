"""``make frameworks-1``: every framework that runs here, measured side by side; ``ONLY="triton ray"`` chooses."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iris_api.adapters.artefact import ArtefactError
from iris_api.commands.frameworks.carried import take_out, use_programs
from iris_api.commands.frameworks.contest import contest
from iris_api.commands.frameworks.field import FieldError, chosen, read_field
from iris_api.commands.frameworks.picture import draw
from iris_api.commands.frameworks.report import beyond_table, figures_table, write_report
from iris_api.settings import IrisSettings
from iris_api.training.golden import read_golden
from workbench.arguments import count, positive
from workbench.hardware import describe, hardware_stamp
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_OUTPUT = Path(".run/bench/frameworks-1.json")
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Prints two tables, writes ``.run/bench/frameworks-1.json`` and ``.svg``.

    Exit codes: 0 something was measured, 1 nothing was, 2 there is no model or no such framework, 130 interrupted.
    """
    options = _parser().parse_args(argv)
    settings, stamp, console = IrisSettings(), hardware_stamp(), make_console()
    try:
        use_programs()
        for name in options.taken_out:
            take_out(chosen(read_field(), name, "--with")[0])
        field = chosen(read_field(), os.environ.get("ONLY", ""))
        golden = read_golden(settings.model_dir)
        rows = contest(
            field, settings.model_dir, golden, rounds=options.rounds, seconds=options.seconds, progress=_tell
        )
    except (FieldError, ArtefactError) as problem:
        say(f"frameworks: {problem}", stderr=True)
        return 2
    except KeyboardInterrupt:
        say("interrupted: every server is stopped, nothing is written", stderr=True)
        return _INTERRUPTED
    write_report(rows, stamp, options.rounds, options.seconds, _OUTPUT)
    picture = options.picture or _OUTPUT.with_suffix(".svg")
    picture.write_text(draw(rows), encoding="utf-8")
    console.print(figures_table(rows, console))
    console.print(beyond_table(rows, console))
    for row in rows:
        if row.why_not:
            say(f"{row.title}: not measured: {row.why_not}")
    console.print(f"[dim]{describe(stamp)}; {options.rounds} rounds of {options.seconds:g} s, medians[/]")
    say(f"written: {_OUTPUT}, {picture}")
    return 0 if any(row.figures for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m iris_api.commands.frameworks", description=__doc__)
    parser.add_argument("--rounds", type=count, default=6, help="each measures everyone once (default: 6)")
    parser.add_argument("--seconds", type=positive, default=2.0, help="of each measurement (default: 2)")
    parser.add_argument(
        "--with", dest="taken_out", metavar="NAME", action="append", default=[],
        help="pull the image of a framework that no package carries (tensorflow-serving) and take its program out",
    )  # fmt: skip
    parser.add_argument("--picture", type=Path, help=f"where to draw it (default: {_OUTPUT.with_suffix('.svg')})")
    return parser


def _tell(line: str) -> None:
    say(f"  {line}", stderr=True)


if __name__ == "__main__":
    sys.exit(main())
