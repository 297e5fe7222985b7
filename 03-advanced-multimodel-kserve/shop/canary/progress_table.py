"""A rollout's progress: a live table with a row for each step, or a line for each decision where output is piped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from rich.live import Live
from rich.text import Text

from workbench.terminal import make_table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from shop.canary.judge import Check, Policy
    from shop.canary.rollout import Step

__all__ = ["ProgressTable"]

_CHECKS: Final[tuple[Check, ...]] = ("errors", "degraded", "p99", "score drift", "online quality")
_STYLE: Final = {
    "advance": "green",
    "promoted": "bold green",
    "rolled back": "bold red",
    "inconclusive": "bold yellow",
    "confirming": "yellow",
    "proving": "yellow",
}


class ProgressTable:
    """Shows each step: stable's figures on the left of each ``→``, the candidate's on its right.

    Args:
        console: where to.
        policy: whose questions have a column each.
    """

    def __init__(self, console: Console, policy: Policy) -> None:
        self._console = console
        self._names = {check: policy.name(check) for check in _CHECKS if policy.name(check)}
        self._steps: dict[int, Step] = {}
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
        if self._steps:
            self._console.print(self._table())

    def tell(self, step: Step) -> None:
        """Show where the rollout is."""
        last = self._steps.get(step.weight)
        self._steps[step.weight] = step
        if self._console.is_terminal:
            self._live.update(self._table(), refresh=True)
        elif step.verdict != "waiting" and (last is None or last.verdict != step.verdict):
            self._console.print(_line(step), soft_wrap=True)

    def _table(self) -> Table:
        table = make_table(self._console, "weight", "answers", *self._names.values(), "")
        for step in self._steps.values():
            table.add_row(*self._cells(step), Text(step.verdict, _STYLE.get(step.verdict, "")))
        return table

    def _cells(self, step: Step) -> list[str | Text]:
        answers = f"{step.stable.answers:.0f} → {step.candidate.answers:.0f}"
        if step.judgement is None:
            return [f"{step.weight}%", answers, *("" for _ in self._names)]
        cells = [
            Text(f"{finding.stable} → {finding.candidate}".removeprefix(" → "), "red" if finding.worse else "")
            for finding in step.judgement.findings
            if finding.check in self._names
        ]
        return [f"{step.weight}%", answers, *cells]


def _line(step: Step) -> str:
    answers = f"{step.stable.answers:.0f} answers of stable, {step.candidate.answers:.0f} of the candidate"
    return f"{step.weight:>3}%  {step.verdict}: {step.reason} ({answers}, {step.elapsed_s:.0f} s)"
