"""The command line of an exam, behind ``make exam-N``.

Exit codes: 0 all points, 1 some were lost, 2 the exam could not be held, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from course.exam.certificate import render_certificate
from course.exam.digest import digest_code
from course.exam.lifecycle import interrupted_by_termination, reached
from course.exam.result import make_result
from course.exam.rubric import RubricError, load_rubric
from course.exam.runner import examine
from course.exam.table import ExamProgress, print_result, print_rubric
from servekit.errors import ServingError
from servekit.json_file import write_json
from workbench.arguments import count
from workbench.stack import StackError
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from course.exam.examined import Examined, LevelExam
    from course.exam.rubric import Rubric
    from course.exam.runner import JudgedCriterion

__all__ = ["main"]

_ALL, _SOME_LOST, _NOT_HELD, _INTERRUPTED = 0, 1, 2, 130


def main(exam: LevelExam, argv: Sequence[str] | None = None) -> int:
    """Holds the exam and writes its result and certificate; returns the exit code."""
    options = _parser(exam.level).parse_args(argv)
    console = make_console()
    try:
        rubric = load_rubric(exam.level)
        if options.rubric:
            print_rubric(console, rubric)
            return _ALL
        with interrupted_by_termination():
            return _hold(exam, rubric, options, console)
    except (RubricError, StackError, ServingError) as problem:
        say(problem, stderr=True)
        return _NOT_HELD
    except KeyboardInterrupt:
        console.print("interrupted: nothing is written, and the level is as it was", style="yellow")
        return _INTERRUPTED


def _hold(exam: LevelExam, rubric: Rubric, options: argparse.Namespace, console: Console) -> int:
    asked = rubric.only(options.only) if options.only else rubric
    seed = options.seed or random.SystemRandom().randrange(1, 1_000_000)
    began = monotonic()
    with reached(exam, seed, console) as examined:
        judged = _judge_all(exam, asked, examined, console, yes=options.yes)
    code = digest_code(exam.code)
    whole = len(asked.criterion) == len(rubric.criterion)
    result = make_result(asked, judged, examined, code, monotonic() - began)
    print_result(console, result)
    if whole:
        path = options.out / f"{exam.level}.html"
        write_json(options.out / f"{exam.level}.json", result)
        path.write_text(render_certificate(result), encoding="utf-8")
        console.print(f"certificate: {path}", style="dim", soft_wrap=True)
    else:
        console.print("only some criteria were asked: nothing is written", style="dim")
    return _NOT_HELD if not result.judged else _ALL if result.points == result.of else _SOME_LOST


def _judge_all(
    exam: LevelExam, rubric: Rubric, examined: Examined, console: Console, *, yes: bool
) -> list[JudgedCriterion]:
    where = f"{examined.place} (forwarded to {examined.url})" if examined.place else examined.url
    console.print(f"level {exam.level} at {where}, questions drawn with seed {examined.seed}", soft_wrap=True)
    granted = _granted(exam, rubric, examined, yes=yes)
    with ExamProgress(console, rubric) as progress:
        return list(
            examine(rubric, exam.checks, examined, granted=granted, in_cluster=exam.in_cluster, begin=progress.begin)
        )


def _granted(exam: LevelExam, rubric: Rubric, examined: Examined, *, yes: bool) -> bool:
    """Whether processes may be stopped: asked on a terminal; without one, only ``--yes`` or ``YES=1`` says so."""
    reached = exam.checks if examined.stack else exam.in_cluster if examined.place else {}
    stopped = [each for each in rubric.criterion if each.rights and each.id in reached]
    if not stopped:
        return False
    if yes or os.environ.get("YES"):
        return True
    if not sys.stdin.isatty():
        return False
    what = f"pods of this level ({examined.place})" if examined.place else "processes of this level"
    say(f"{len(stopped)} criteria stop {what} or change its data, and put them back:")
    say(f"  {', '.join(each.title.lower() for each in stopped)}")
    try:
        return input("May they? Without, they are left out of the total. [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _parser(level: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"make exam-{level}", description=f"Level {level} as an exam.")
    parser.add_argument("--rubric", action="store_true", help="show what is asked and for how many points; ask nothing")
    parser.add_argument("--yes", action="store_true", help="it may stop processes and change data (or YES=1)")
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="judge this criterion alone (again)")
    parser.add_argument("--seed", type=count, help="of the questions; an exam says its own")
    parser.add_argument("--out", type=Path, default=Path(".run/exam"), help="folder of result and certificate")
    return parser
