"""``make overload-3``: find how much the level can answer in time, ask for three times as much, then change at once.

A level without a limit answers everything late; this one answers what it can, at the usual speed, and turns the rest
away at once: goodput stays within a tenth of its peak, and what is accepted keeps its p99.

Goodput are the answers per second that a model gave (no fallback) within 50 ms of the intended start. The generator
runs on the same cores as the level, so what it takes is part of the result; where it was late itself, the result says
nothing about the level. The peak and three times the peak are offered in turns, three times. Then come the sudden
changes of `shop.load.sudden`.

What is promised holds when the run proves it: the interval of the accepted p99, all rounds together, lies below 50 ms
(`workbench.sla.interval`), and goodput was kept in each of the three rounds. It is broken when the interval lies above,
or goodput was lost in each round. Between them it is too close to tell. Where the truth is exactly 90 % of the peak,
chance makes it "kept" in one run of eight, and "broken" in one of eight.

Exit codes: 0 all promises hold, 1 one does not, 2 no answer or a late generator, 3 too close to tell.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import numpy as np

from servekit.errors import NotReadyError, ServingError
from servekit.json_file import write_json
from shop.addresses import Addresses
from shop.load.answered import Offered
from shop.load.sudden import SETTLED_S, ChangeResult, change_load, forget
from shop.load.workers import LoadWorkers
from shop.load.world_traffic import mixed_messages
from workbench.arguments import positive
from workbench.bench import at_least
from workbench.hardware import describe, hardware_stamp
from workbench.load import Phase
from workbench.sla.interval import Tail
from workbench.stack import join
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

__all__ = ["Overload", "accepted_p99_ms", "climb", "main"]

_LIMIT_S: Final = 0.05
_KEPT: Final = 0.9
_START_RPS: Final = 200.0
_GROWTH: Final = 1.25
_NO_BETTER: Final = 2
_MESSAGES: Final = 20_000
_SETTLE_S: Final = 2.0
_ROUNDS: Final = 3
_LATE_MS: Final = 25.0


class Overload(msgspec.Struct, frozen=True):
    """The document in ``.run/3/overload.json``."""

    peak_rps: float
    offered_rps: float
    goodput_rps: float
    kept: float
    accepted_p99_ms: float
    shed: int
    failed: int
    degraded: int
    generator_cpu: float
    generator_lag_p99_ms: float
    afterwards_goodput_share: float
    climbed: list[dict[str, float]]
    changes: list[ChangeResult]
    rounds_kept: list[float]
    accepted_low_ms: float
    accepted_high_ms: float | None
    hardware: Any

    @property
    def verdict(self) -> Literal["holds", "too close to tell", "broken"]:
        """Whether goodput was kept, also after each change, what was accepted was in time, and nothing failed."""
        limit_ms = _LIMIT_S * 1e3
        kept = at_least(self.rounds_kept, _KEPT)
        lost = kept == "missed" or self.failed or not all(each.holds for each in self.changes)
        if lost or self.accepted_low_ms > limit_ms:
            return "broken"
        in_time = self.accepted_high_ms is not None and self.accepted_high_ms <= limit_ms
        return "holds" if in_time and kept == "met" else "too close to tell"

    @property
    def tells(self) -> bool:
        """Whether the generator was in time, so that the level's own speed was measured."""
        return self.generator_lag_p99_ms <= _LATE_MS


def climb(workers: LoadWorkers, seconds: float) -> Iterator[Offered]:
    """Offer more and more, until twice in a row it brought no more goodput.

    Raises:
        NotReadyError: nothing answers.
    """
    best, worse, rate = 0.0, 0, _START_RPS
    while worse < _NO_BETTER:
        offered = workers.offer(Phase(rate, seconds))
        if offered.failed == len(offered.answers):
            raise NotReadyError("level 3", None, "nothing answers: run make up-3")
        yield offered
        goodput = offered.goodput_rps(_LIMIT_S)
        worse = 0 if goodput > best else worse + 1
        best, rate = max(best, goodput), rate * _GROWTH


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, show and write; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m shop.commands.overload", description="Ask for three times what the level can answer."
    )
    parser.add_argument("--seconds", type=positive, default=5, metavar="S", help="seconds of each step up (5)")
    parser.add_argument(
        "--factor", type=positive, default=3, metavar="N", help="the overload, as a multiple of the peak (3)"
    )
    options = parser.parse_args(argv)
    console, addresses = make_console(), Addresses()
    try:
        with LoadWorkers(addresses.port, mixed_messages(addresses, _MESSAGES)) as workers:
            result = _measure(console, workers, options, addresses)
    except ServingError as problem:
        console.print(f"error: {problem}", style="red", markup=False, soft_wrap=True)
        return 2
    write_json(addresses.run_dir / "overload.json", result)
    _say(console, result)
    return {"holds": 0, "broken": 1, "too close to tell": 3}[result.verdict] if result.tells else 2


def _measure(console: Console, workers: LoadWorkers, options: argparse.Namespace, addresses: Addresses) -> Overload:
    table = make_table(console, "offered/s", "goodput/s", "accepted p99", "shed", "degraded", "failed", "generator")
    climbed = []
    for offered in climb(workers, options.seconds):
        climbed.append(offered)
        _row(table, offered)
    best = max(climbed, key=lambda each: each.goodput_rps(_LIMIT_S))
    peaks, overs = _in_turns(table, workers, best.rate_rps, options)
    after = workers.offer(Phase(best.goodput_rps(_LIMIT_S) / 2, options.seconds))
    _row(table, after)
    console.print(table)
    peak, goodput = (median(each.goodput_rps(_LIMIT_S) for each in found) for found in (peaks, overs))
    low_ms, high_ms = accepted_p99_ms(overs)
    changes = list(change_load(workers, peak, _LIMIT_S, partial(forget, addresses)))
    console.print(_changes_table(console, changes))
    return Overload(
        peak_rps=round(peak, 1),
        offered_rps=round(median(len(each.answers) / each.seconds for each in overs), 1),
        goodput_rps=round(goodput, 1),
        kept=round(goodput / peak, 3),
        accepted_p99_ms=round(median(each.accepted_p99_s for each in overs) * 1e3, 1),
        shed=sum(each.shed for each in overs),
        failed=sum(each.failed for each in overs),
        degraded=sum(each.degraded for each in overs),
        generator_cpu=round(median(each.generator_cpu for each in overs), 2),
        generator_lag_p99_ms=round(median(each.lag_p99_s for each in overs) * 1e3, 1),
        afterwards_goodput_share=round(after.goodput_rps(_LIMIT_S) * after.seconds / len(after.answers), 3),
        climbed=[
            {"offered_rps": each.rate_rps, "goodput_rps": round(each.goodput_rps(_LIMIT_S), 1)} for each in climbed
        ],
        changes=changes,
        hardware=hardware_stamp(),
        rounds_kept=[
            round(over.goodput_rps(_LIMIT_S) / peak.goodput_rps(_LIMIT_S), 3)
            for peak, over in zip(peaks, overs, strict=True)
        ],
        accepted_low_ms=low_ms,
        accepted_high_ms=high_ms,
    )


def accepted_p99_ms(rounds: Sequence[Offered]) -> tuple[float, float | None]:
    """The interval that holds the answers' p99, in milliseconds, over all rounds; no upper end where there are few."""
    latencies, seconds = zip(*(each.accepted_ms() for each in rounds), strict=True)
    begins = np.cumsum([0, *(each.max(initial=0) + 1 for each in seconds)])
    blocks = np.concatenate([each + begin for each, begin in zip(seconds, begins, strict=False)])
    if not len(blocks):
        return 0.0, None
    low, high = Tail(np.concatenate(latencies), blocks).percentile_ms(0.01, _LIMIT_S * 1e3)
    return round(low, 1), None if high is None else round(high, 1)


def _in_turns(
    table: Any, workers: LoadWorkers, rate: float, options: argparse.Namespace
) -> tuple[list[Offered], list[Offered]]:
    """The rate of the peak and a multiple of its goodput, in turns: a shared machine is not always equally fast."""
    peaks, overs = list[Offered](), list[Offered]()
    for _ in range(_ROUNDS):
        peaks.append(workers.offer(Phase(rate, options.seconds)))
        beyond = options.factor * peaks[-1].goodput_rps(_LIMIT_S)
        both = workers.offer(Phase(beyond, _SETTLE_S), Phase(beyond, options.seconds))
        overs.append(both.between(_SETTLE_S, _SETTLE_S + options.seconds))
        _row(table, peaks[-1])
        _row(table, overs[-1])
    return peaks, overs


def _row(table: Any, offered: Offered) -> None:
    table.add_row(
        f"{len(offered.answers) / offered.seconds:,.0f}",
        f"{offered.goodput_rps(_LIMIT_S):,.0f}",
        f"{offered.accepted_p99_s * 1e3:.1f} ms",
        f"{offered.shed / len(offered.answers):.1%}",
        f"{offered.degraded / len(offered.answers):.1%}",
        str(offered.failed),
        f"{offered.generator_cpu:.2f} cores, late {offered.lag_p99_s * 1e3:.1f} ms",
    )


def _changes_table(console: Console, changes: Sequence[ChangeResult]) -> Any:
    until = f"first {SETTLED_S:g} s"
    table = make_table(console, "sudden", "requests/s", "fits", until, "then", "accepted p99", "shed", "failed", "")
    for each in changes:
        table.add_row(
            each.name,
            f"{each.before_rps:,.0f} → {each.after_rps:,.0f}",
            f"{each.fits_rps:,.0f}",
            f"{each.at_once:.1%}",
            f"{each.settled:.1%}",
            f"{each.accepted_p99_ms:.1f} ms",
            f"{each.shed:.1%}",
            str(each.failed),
            "[green]✔[/]" if each.holds else "[red]✘[/]",
        )
    return table


def _say(console: Console, result: Overload) -> None:
    mark = {"holds": "[green]✔[/]", "broken": "[red]✘[/]"}.get(result.verdict, "[yellow]? too close to tell:[/]")
    rounds = ", ".join(f"{kept:.0%}" for kept in result.rounds_kept)
    high = "" if result.accepted_high_ms is None else f"{result.accepted_high_ms:.1f}"
    console.print(
        f"{mark} asked for {result.offered_rps:,.0f}/s: goodput {result.goodput_rps:,.0f}/s, {result.kept:.1%} of the "
        f"peak of {result.peak_rps:,.0f}/s (rounds {rounds}; promised {_KEPT:.0%}); accepted p99 "
        f"{result.accepted_p99_ms:.1f} ms ({result.accepted_low_ms:.1f} to {high or 'unknown'}; "
        f"promised < {_LIMIT_S * 1e3:.0f} ms); {result.shed:,} turned away, {result.failed} failed",
        soft_wrap=True,
    )
    console.print(
        f"afterwards, at half the peak: {result.afterwards_goodput_share:.1%} answered well and in time",
        soft_wrap=True,
    )
    if not result.tells:
        console.print(
            f"the generator itself was {result.generator_lag_p99_ms:.0f} ms late at p99 (at most {_LATE_MS:.0f}): the "
            "machine had no time for it, and this says nothing about the level",
            style="yellow",
            soft_wrap=True,
        )
    console.print(describe(result.hardware), style="dim", soft_wrap=True)


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir)
    sys.exit(main())
