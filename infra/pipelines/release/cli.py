"""The command line of a release."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from release.flow import Flow, alone
from release.plans import LEVELS, plan_of
from release.runs import PARAMETERS, begin, end
from release.step import StepError
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from release.flow import Outcome
    from release.plans import Plan

__all__ = ["main"]

_HOME: Final = Path(".run/release")
_ENDED_WELL: Final = ("promoted", "nothing to release")
_FAILED, _CANNOT, _UNDECIDED, _INTERRUPTED = 1, 2, 3, 130


def main(argv: Sequence[str], planned: Callable[[str], Plan] = plan_of) -> int:
    """Runs a release, or one step of it; returns the exit code. ``planned`` gives a level's plan."""
    level, rest = _level(argv)
    plan = planned(level)
    parser = _parser(level, plan)
    options = parser.parse_args(rest)
    if (options.run is None) != (options.step is None):
        parser.error("--run and --step belong together: a step of the release in that folder")
    try:
        if options.run is not None:
            return _one_step(plan, options.run, options.step)
        folder = _HOME / level
        with alone(folder):
            home, again = begin(folder, plan.parameters(options))
            if options.begin:
                say(str(home))
                return 0
            say(f"release   {home}: {'goes on' if again else 'begins'}; {plan.told(_read(plan, home))}")
            return _run(plan, home)
    except StepError as error:
        say(f"error: {error}", stderr=True)
        return _CANNOT
    except KeyboardInterrupt:
        say("interrupted: the same command goes on from there", stderr=True)
        return _INTERRUPTED


def _run(plan: Plan, home: Path) -> int:
    outcome = Flow(plan.steps(), _read(plan, home), home, say).run()
    return _finish(plan, home, outcome)


def _one_step(plan: Plan, home: Path, step: str) -> int:
    """One step; the engine learns by the exit code whether the next may be done."""
    flow = Flow(plan.steps(), _read(plan, home), home, say)
    passed = flow.run_one(step).verdict.result == "passed"
    if passed and step != flow.steps[-1].name:
        return 0
    ended = _finish(plan, home, flow.so_far())
    return ended if passed else ended or _FAILED


def _finish(plan: Plan, home: Path, outcome: Outcome) -> int:
    """Notes the end, in the audit log, too, where it is one; says it."""
    last = list(outcome.entries.values())[-1]
    say(f"release   {outcome.ending}: {last.verdict.summary}")
    if outcome.ending == "undecided":
        return _UNDECIDED
    plan.ended(_read(plan, home), outcome)
    end(home, outcome.ending)
    return 0 if outcome.ending in _ENDED_WELL else _FAILED


def _read(plan: Plan, home: Path) -> Any:
    path = home / PARAMETERS
    try:
        return msgspec.json.decode(path.read_bytes(), type=plan.kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise StepError(f"{path}: {error}: begin a release with --begin, and name its folder") from None


def _level(argv: Sequence[str]) -> tuple[str, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m release", description="From training to traffic.", add_help=False)
    parser.add_argument("level", choices=LEVELS, help="which level's model")
    options, rest = parser.parse_known_args(argv)
    return str(options.level), rest


def _parser(level: str, plan: Plan) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m release {level}", description=plan.about)
    parser.add_argument("--run", type=Path, metavar="DIR", help="do one step of the release in DIR, which --step names")
    parser.add_argument("--step", choices=[step.name for step in plan.steps()], help="which step")
    parser.add_argument("--begin", action="store_true", help="begin a release, print its folder, do nothing else")
    plan.add_options(parser)
    return parser
