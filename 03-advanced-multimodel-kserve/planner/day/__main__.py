"""``python -m planner.day``: the part of ``make design`` that knows level 3's figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from planner.calibration import REFERENCE, load
from planner.day.fleet_design import load_design
from planner.day.needs_table import print_needs
from planner.day.requirements import load_instances, load_requirements
from planner.prices import load_prices
from servekit.errors import ServingError
from servekit.json_file import write_json
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_REFUSED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Prints requirements, or scores a design and writes its JSON and picture; 2 when the design is refused."""
    parser = argparse.ArgumentParser(prog="python -m planner.day", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("requirements", help="print what a design must hold")
    score = commands.add_parser("score", help="run a day against a design, and score it")
    for each in (show, score):
        each.add_argument("requirements", type=Path)
    score.add_argument("design", type=Path)
    score.add_argument("reference", type=Path)
    score.add_argument("out", type=Path, help="folder of the report and the picture")
    score.add_argument("--seed", type=int, default=1, help="another day: other times and another traffic")
    options = parser.parse_args(argv)
    try:
        return _show(options.requirements) if options.command == "requirements" else _score(options)
    except ServingError as problem:
        say(f"refused: {problem}", stderr=True)
        return _REFUSED


def _show(path: Path) -> int:
    print_needs(make_console(), load_requirements(path), load_instances())
    return 0


def _score(options: argparse.Namespace) -> int:
    needs, instances, prices = load_requirements(options.requirements), load_instances(), load_prices()
    design = load_design(options.design, needs, instances, prices.valkey_node)
    # scipy and simpy: a second that a refusal need not wait for
    from planner.day.day_picture import draw_day  # noqa: PLC0415
    from planner.day.score_table import checked, print_verdict  # noqa: PLC0415
    from planner.day.verdict import judge_day  # noqa: PLC0415
    from planner.day.whole_day import DaySetting, run_day  # noqa: PLC0415

    calibration, _ = load([REFERENCE])
    reference_design = load_design(options.reference, needs, instances, prices.valkey_node)
    setting = DaySetting(needs, calibration, prices, instances)
    day, reference = (run_day(each, setting, options.seed) for each in (design, reference_design))
    verdict = judge_day(design, needs, day, reference_design, reference)
    console = make_console()
    print_verdict(console, verdict, checked(verdict, needs))
    name = options.requirements.stem
    document, picture = options.out / f"{name}.json", options.out / f"{name}.svg"
    write_json(document, verdict)
    picture.write_text(draw_day(f"{name}: {verdict.score:g} points", day, reference), encoding="utf-8")
    console.print(f"written: {picture}", style="dim", soft_wrap=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
