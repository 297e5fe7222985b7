"""``python -m planner.day``: the part of ``make design`` that knows level 3's figures."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from planner.calibration import REFERENCE, load
from planner.day.command import ScoreWords, run_day_command, write_day
from planner.day.fleet_design import load_design
from planner.day.needs_table import print_needs
from planner.day.requirements import load_instances, load_requirements
from planner.prices import load_prices
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints requirements, or scores a design and writes its JSON and picture; 2 when the design is refused."""
    return run_day_command("python -m planner.day", __doc__, argv, _show, _score)


def _show(path: Path) -> None:
    print_needs(make_console(), load_requirements(path), load_instances())


def _score(words: ScoreWords) -> None:
    needs, instances, prices = load_requirements(words.requirements), load_instances(), load_prices()
    design = load_design(words.design, needs, instances, prices.valkey_node)
    # scipy and simpy: a second that a refusal need not wait for
    from planner.day.score_table import checked, print_verdict  # noqa: PLC0415
    from planner.day.verdict import judge_day  # noqa: PLC0415
    from planner.day.whole_day import DaySetting, run_day  # noqa: PLC0415

    calibration, _ = load([REFERENCE])
    reference_design = load_design(words.reference, needs, instances, prices.valkey_node)
    setting = DaySetting(needs, calibration, prices, instances)
    day, reference = (run_day(each, setting, words.seed) for each in (design, reference_design))
    verdict = judge_day(design, needs, day, reference_design, reference)
    console = make_console()
    print_verdict(console, verdict, checked(verdict, needs))
    write_day(console, words, verdict, day, reference)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
