"""``python -m planner.token_day``: the part of ``make design`` that knows the assistant's figures."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from planner.day.command import ScoreWords, run_day_command, write_day
from planner.day.requirements import load_instances
from planner.prices import load_prices
from planner.token_day.token_design import load_token_design
from planner.token_day.token_needs import load_needs
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints requirements, or scores a design and writes its JSON and picture; 2 when the design is refused."""
    return run_day_command("python -m planner.token_day", __doc__, argv, _show, _score)


def _show(path: Path) -> None:
    from planner.token_day.token_table import print_token_needs  # noqa: PLC0415 - a refusal need not wait for it

    print_token_needs(make_console(), load_needs(path), load_instances())


def _score(words: ScoreWords) -> None:
    # scipy: a second that the requirements need not wait for
    from planner.day.score_table import print_verdict  # noqa: PLC0415
    from planner.token_day.token_run import TokenSetting, run_token_day  # noqa: PLC0415
    from planner.token_day.token_table import how_computed  # noqa: PLC0415
    from planner.token_day.token_verdict import judge_token_day  # noqa: PLC0415
    from planner.tokens.calibration import REFERENCE, load  # noqa: PLC0415

    needs, instances, (calibration, _) = load_needs(words.requirements), load_instances(), load([REFERENCE])
    design, reference_design = (
        load_token_design(path, needs, instances, calibration) for path in (words.design, words.reference)
    )
    setting = TokenSetting(needs, calibration, load_prices(), instances)
    day, reference = (run_token_day(each, setting, words.seed) for each in (design, reference_design))
    verdict = judge_token_day(design, needs, day, reference_design, reference)
    console = make_console()
    print_verdict(console, verdict, how_computed(calibration.date), "late or slow")
    write_day(console, words, verdict, day, reference)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
