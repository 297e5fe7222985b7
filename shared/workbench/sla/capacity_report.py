"""A capacity search in the terminal and as a page."""

from __future__ import annotations

from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from workbench.sla.chart import WIDE, Mark, Series, line_chart, linear, logarithmic
from workbench.sla.page import figure, page, stamp_list, table, tiles
from workbench.sla.table import show_ms

if TYPE_CHECKING:
    from rich.console import Console

    from workbench.sla.capacity import CapacityResult, Probe

__all__ = ["capacity_line", "print_capacity", "print_probe", "render_capacity"]

_COLUMNS: Final = ("rate/s", "answered", "goodput", "p50 ms", "p99 ms", "errors", "lag ms")
_WHY: Final = {
    "server": "above it the server breaks its SLA",
    "generator": "above it the load generator is the limit, not the server: its capacity is at least this",
    "max_rps": "the highest rate of the search: the server's capacity is at least this",
    "none": "no rate met the SLA",
    "interrupted": "interrupted: the search was not finished",
}


def capacity_line(result: CapacityResult) -> str:
    """The finding in one line."""
    return f"{result.capacity_rps:g} requests/s within the SLA; {_WHY[result.limit]}"


def print_probe(console: Console, probe: Probe) -> None:
    """What one rate came to, while the search goes on."""
    rate, _, _, _, p99, errors, _, verdict = _cells(probe)
    console.print(f"{rate:>6}/s  p99 {p99:>6} ms  errors {errors}  {verdict}", highlight=False, soft_wrap=True)


def print_capacity(console: Console, result: CapacityResult) -> None:
    """Every probe in order of rate, then the finding."""
    title = f"level {result.level} · {result.target} · p99 ≤ {result.thresholds.p99_ms:g} ms"
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    probes = Table(
        *(Column(name, justify="right", no_wrap=True) for name in _COLUMNS), Column("", no_wrap=True), box=SIMPLE_HEAD
    )
    for probe in _ordered(result):
        probes.add_row(*_cells(probe))
    console.print(probes)
    console.print(f"capacity: {capacity_line(result)}", style="bold", highlight=False, soft_wrap=True)
    if result.capacity_rps:
        console.print(
            f"goodput {result.goodput_rps:g}/s, p99 {result.p99_ms:g} ms, met in {result.confirmations} probes there; "
            f"{_slow(result)}",
            style="dim",
            highlight=False,
            soft_wrap=True,
        )


def render_capacity(result: CapacityResult) -> str:
    """The latency-throughput curve as a page."""
    figures = [
        ("Capacity", f"{result.capacity_rps:,.0f}/s", _why_short(result), ""),
        ("Goodput there", f"{result.goodput_rps:,.0f}/s", f"within {result.thresholds.p99_ms:g} ms", ""),
        ("p99 there", f"{result.p99_ms:.3g} ms", f"promised ≤ {result.thresholds.p99_ms:g} ms; {_slow(result)}", ""),
        ("Confirmed", f"{result.confirmations} times", "probes at that rate met the SLA", ""),
    ]
    rows = [_cells(probe) for probe in _ordered(result)]
    facts = [
        ("Mix", ", ".join(f"{name} {weight:g}" for name, weight in result.mix.items())),
        ("Generator", f"{result.workers} process(es)"),
        ("Noise", f"{sum(probe.noisy for probe in result.probes)} of {len(result.probes)} probes on a noisy machine"),
        ("Date", result.date),
        ("Command", result.command),
    ]
    body = [tiles(figures)]
    if result.probes:
        body += [_latency(result), _goodput(result), table("Every probe", (*_COLUMNS, "verdict"), rows)]
    body.append(stamp_list(result.hardware, facts))
    status = {"none": "broken", "interrupted": "interrupted"}.get(result.limit, "met")
    lead = ["Doubling until a rate fails twice, bisection, then repeats of the highest rate that passed."]
    verdict = capacity_line(result)
    return page(f"Level {result.level} capacity · {result.target}", status, verdict, lead, body)


def _latency(result: CapacityResult) -> str:
    probes = [probe for probe in _ordered(result) if probe.p99_ms]
    values = [ms for probe in probes for ms in (probe.p50_ms, probe.p99_ms)]
    limit = result.thresholds.p99_ms
    notes = [f"{p.rate_rps:g}/s: p99 {show_ms(p.p99_ms)}, p50 {show_ms(p.p50_ms)}, {p.verdict}" for p in probes]
    chart = line_chart(
        "Latency by offered rate",
        linear(max(probe.rate_rps for probe in result.probes), "offered requests per second"),
        logarithmic(min(values, default=1.0), max([limit, *values]), "ms"),
        [
            Series("p50", _medians(probes, "p50_ms"), (), "s1"),
            Series("p99", _medians(probes, "p99_ms"), (), "s0"),
            Series("p99", [(p.rate_rps, p.p99_ms) for p in probes], notes, "s0", dots=True, joined=False),
        ],
        marks=[Mark(limit, f"p99 promised: {limit:g} ms")],
        width=WIDE,
    )
    legend = [("s0", "p99, ms: each probe, and the median of a rate"), ("s1", "p50, ms: the median of a rate")]
    return figure("Latency by offered rate", legend, chart)


def _goodput(result: CapacityResult) -> str:
    probes = _ordered(result)
    highest = max(probe.rate_rps for probe in probes)
    notes = [f"{p.rate_rps:g}/s: {p.goodput_rps:g}/s within the limit" for p in probes]
    chart = line_chart(
        "Goodput by offered rate",
        linear(highest, "offered requests per second"),
        linear(highest, "/s"),
        [
            Series("offered", [(0.0, 0.0), (highest, highest)], (), "s1"),
            Series("goodput", _medians(probes, "goodput_rps"), (), "s0"),
            Series("goodput", [(p.rate_rps, p.goodput_rps) for p in probes], notes, "s0", dots=True, joined=False),
        ],
        width=WIDE,
    )
    legend = [("s0", "answers per second without error and within the p99 limit"), ("s1", "offered per second")]
    return figure("Goodput by offered rate", legend, chart)


def _medians(probes: list[Probe], field: str) -> list[tuple[float, float]]:
    by_rate = groupby(probes, key=lambda probe: probe.rate_rps)
    return [(rate, median(getattr(probe, field) for probe in tried)) for rate, tried in by_rate]


def _ordered(result: CapacityResult) -> list[Probe]:
    return sorted(result.probes, key=lambda probe: probe.rate_rps)


def _cells(probe: Probe) -> tuple[str, ...]:
    verdict = "generator" if probe.generator_saturated else probe.verdict
    rates = (f"{value:,.0f}" for value in (probe.rate_rps, probe.achieved_rps, probe.goodput_rps))
    times = (show_ms(value).removesuffix(" ms") for value in (probe.p50_ms, probe.p99_ms))
    lag = show_ms(probe.lag_p99_ms).removesuffix(" ms")
    return (*rates, *times, f"{probe.error_rate:.2%}", lag, verdict)


def _slow(result: CapacityResult) -> str:
    return f"{result.slow:,} of {result.requests:,} requests slower than {result.thresholds.p99_ms:g} ms"


def _why_short(result: CapacityResult) -> str:
    if result.limit == "server":
        return f"failed at {result.failed_rps:,.0f}/s"
    return {"generator": "limited by the generator", "max_rps": "end of the search"}.get(result.limit, result.limit)
