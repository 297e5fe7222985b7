"""A run in the terminal: a progress line while it lasts, a table of verdicts when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from workbench.hardware import describe
from workbench.sla.judge import in_window
from workbench.sla.limits import PERCENTILES, show_interval, so_far
from workbench.sla.samples import percentiles_ms

if TYPE_CHECKING:
    from rich.console import Console

    from workbench.sla.load import Window
    from workbench.sla.result import Limit, Result
    from workbench.sla.samples import Samples

__all__ = ["LiveProgress", "print_result", "repeated", "show_ms", "verdict_line"]

_STYLE: Final = {"met": "bold green", "broken": "bold red"}
_WORD: Final = {
    "met": "SLA met",
    "broken": "SLA broken",
    "too_close": "too close to tell",
    "invalid": "run invalid",
    "interrupted": "interrupted",
}
_MARK: Final = {"kept": "[green]✔[/]", "so_far": "[green]✔ so far[/]", "close": "[yellow]?[/]", "broken": "[red]✘[/]"}
_RECENT_S: Final = 1.0


class LiveProgress:
    """A progress bar with the p99 so far, the rate of the last second, and the errors."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, figures="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, window: Window, samples: Samples) -> None:
        """Show where the run is."""
        if not len(samples):
            self._bar.update(self._task, description="starting", total=None, figures="")
            return
        finished = samples["intended_s"] + samples["latency_s"]
        now = float(finished.max())
        warm = now >= window.warmup_s
        judged = in_window(samples, window.warmup_s, window.duration_s) if warm else samples
        rate = np.count_nonzero(finished > now - _RECENT_S) / min(now, _RECENT_S)
        errors = np.count_nonzero(judged["outcome"])
        self._bar.update(
            self._task,
            description=f"{window.rate_rps:g}/s" if warm else "warm-up",
            total=window.warmup_s + window.duration_s,
            completed=now,
            figures=f"p99 {percentiles_ms(judged, (99.0,))[0]:.1f} ms  {rate:.0f}/s  errors {errors}",
        )


def print_result(console: Console, result: Result) -> None:
    """The verdict table, then what a reader needs to trust it."""
    title = f"level {result.level} · {result.target} · {result.rate_rps:g} requests/s for {result.duration_s:g} s"
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    right = [Column(name, justify="right", no_wrap=True) for name in ("measured", "in truth", "promised", "against it")]
    table = Table(Column(no_wrap=True), *right, Column(no_wrap=True))
    for limit in result.limits:
        table.add_row(*_row(limit))
    console.print(table)
    for line in _footnotes(result):
        console.print(line, style="dim", highlight=False, soft_wrap=True)
    style = _STYLE.get(result.verdict, "bold yellow")
    console.print(verdict_line(result), style=style, highlight=False, soft_wrap=True)
    for reason in result.reasons:
        console.print(f"  {reason}", highlight=False, markup=False, soft_wrap=True)


def verdict_line(result: Result) -> str:
    """The verdict with the p99 that it stands on, between what it lies in truth, and the rate."""
    word = _WORD[result.verdict]
    rate = f"{result.achieved_rps:,.0f}" if result.achieved_rps >= 10 else f"{result.achieved_rps:g}"  # noqa: PLR2004
    within = f" ({show_interval(result.p99)})" if result.p99 else ""
    return f"{word}: p99 {show_ms(result.p99_ms)}{within} at {rate} answers/s, {result.requests:,} requests"


def show_ms(value: float) -> str:
    """Milliseconds to three figures: what a run of this size can tell apart."""
    return f"{value:.3g} ms" if value < 1000 else f"{value:,.0f} ms"  # noqa: PLR2004


def repeated(first: dict[str, Any]) -> str:
    """Why a run was made again."""
    if first["verdict"] == "too_close":
        return f"repeated for longer: the first run, of {first.get('duration_s', 0):g} s, was too close to tell"
    return f"repeated: the machine was noisy and the first attempt was {first['verdict']}"


def _row(limit: Limit) -> tuple[str, ...]:
    name = limit.name.removesuffix("_ms").replace("p999", "p99.9").replace("_", " ")
    against = "" if limit.hits is None else f"{limit.hits:,} of {limit.of:,}"
    sign = "≥" if limit.name.endswith("_ratio") else "≤"
    if limit.name in PERCENTILES:
        measured, promised = show_ms(limit.measured), f"{limit.limit:g} ms"
    else:
        measured, promised = f"{limit.measured:.4g}", f"{limit.limit:g}"
    within = show_interval(limit).removesuffix(" ms").replace("at most", "≤").replace("at least", "≥")
    return name, measured, within, f"{sign} {promised}", against, _MARK[limit.standing]


def _footnotes(result: Result) -> list[str]:
    loop, host, answers = result.closed_loop, result.host, result.correctness
    notes = [
        *(so_far(limit) for limit in result.limits if limit.standing == "so_far"),
        (
            f"a closed-loop test ({loop.users_text}) would have said: p99 {show_ms(loop.p99_ms)}, "
            f"leaving out {loop.omitted:.1%} of the requests"
        ),
        (
            f"answers checked {answers.checked}, wrong {answers.wrong} · goodput {result.goodput_rps:g}/s · "
            f"generator lag p99 {show_ms(result.lag_p99_ms)}, {host.generator_cpu:g} cores"
        ),
        (
            f"machine: CPU steal {host.steal:.1%}, run queue {host.run_queue:g} on {host.cores} cores"
            f"{' (noisy)' if host.noisy else ''} · {describe(result.hardware)}"
        ),
        *(f"wrong answer: {example}" for example in answers.examples),
        *(f"error: {name} ({count})" for name, count in result.errors.items()),
    ]
    if result.first_attempt:
        notes.append(repeated(result.first_attempt))
    return notes
