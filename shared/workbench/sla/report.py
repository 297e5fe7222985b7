"""The HTML report of an SLA run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.sla.chart import WIDE, Axis, Mark, Series, line_chart, linear, logarithmic
from workbench.sla.closed_loop import closed_loop_waits
from workbench.sla.judge import in_window
from workbench.sla.limits import show_interval, so_far
from workbench.sla.page import Tile, figure, page, stamp_list, table, tiles
from workbench.sla.table import repeated, show_ms, verdict_line
from workbench.sla.timeline import Moment, timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.sla.result import Limit, Result
    from workbench.sla.samples import Samples

__all__ = ["render_report"]

_CURVE: Final = 120
_TILE: Final = {"kept": "kept", "so_far": "kept", "close": "close", "broken": "missed"}
_NINES: Final = ((0.0, "0 %"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %"), (4.0, "99.99 %"), (5.0, "99.999 %"))


def render_report(result: Result, samples: Samples) -> str:
    """One page with pictures. ``samples`` are all of the run's, warm-up included."""
    window = in_window(samples, result.warmup_s, result.duration_s)
    moments = timeline(samples, result.warmup_s, result.duration_s)
    body = [tiles(_tiles(result))]
    if len(window):
        body += [
            _percentile_curve(result, window),
            f'<div class="pair">{_latency(result, moments)}{_throughput(moments)}</div>',
            _errors(result, moments),
            _endpoints(result),
        ]
    body.append(stamp_list(result.hardware, _facts(result)))
    title = f"Level {result.level} · {result.target}"
    return page(title, result.verdict, verdict_line(result), _lead(result), body)


def _lead(result: Result) -> list[str]:
    how = (
        f"{result.rate_rps:g} requests/s offered as Poisson arrivals for {result.duration_s:g} s after "
        f"{result.warmup_s:g} s of warm-up. Latency counts from each request's intended start."
    )
    lines = [how, *result.reasons, *(so_far(limit) for limit in result.limits if limit.standing == "so_far")]
    if result.first_attempt:
        why = repeated(result.first_attempt)
        lines.append(f"{why[0].upper()}{why[1:]}, with p99 {result.first_attempt['p99_ms']:g} ms.")
    return lines


def _tiles(result: Result) -> list[Tile]:
    limits = {limit.name: limit for limit in result.limits}
    latencies = [
        (name, show_ms(value), *_promise(limits.get(key), " ms"))
        for name, key, value in (
            ("p50", "p50_ms", result.p50_ms),
            ("p95", "p95_ms", result.p95_ms),
            ("p99", "p99_ms", result.p99_ms),
            ("p99.9", "p999_ms", result.p999_ms),
        )
    ]
    answers = result.correctness
    right = f"{1 - answers.wrong / answers.checked:.4g}" if answers.checked else "none"
    return [
        *latencies,
        ("Error rate", f"{result.error_rate:.4g}", *_promise(limits.get("error_rate"), "")),
        ("Answered", f"{result.achieved_rps:,.0f}/s", *_promise(limits.get("achieved_ratio"), " of offered")),
        ("Right answers", right, *_promise(limits.get("correct_ratio"), f" of {answers.checked:,} checked")),
    ]


def _promise(limit: Limit | None, of: str) -> tuple[str, str]:
    if limit is None:
        return "not promised", ""
    sign = "≥" if limit.name.endswith("_ratio") else "≤"
    within = f", in truth {show_interval(limit)}" if limit.hits is not None else ""
    return f"{sign} {limit.limit:g}{of}{within}", _TILE[limit.standing]


def _percentile_curve(result: Result, window: Samples) -> str:
    _, waits = closed_loop_waits(window, result.rate_rps)
    opened = _curve(window["latency_s"])
    closed = _curve(waits)
    values = [y for _, y in (*opened, *closed)]
    y = logarithmic(min(values), max(*values, result.thresholds.p99_ms), "ms")
    nines = math.log10(max(len(window), 10))
    x = Axis(lambda value: value / nines, [t for t in _NINES if t[0] <= nines], "percentile of the requests")
    loop = result.closed_loop
    chart = line_chart(
        "Latency by percentile",
        x,
        y,
        [
            Series("closed", closed, _curve_notes(closed), "s1"),
            Series("open", opened, _curve_notes(opened), "s0"),
        ],
        marks=[Mark(result.thresholds.p99_ms, f"p99 promised: {result.thresholds.p99_ms:g} ms")],
        width=WIDE,
    )
    caption = (
        "A closed-loop test waits for each answer before it sends again. "
        f"With the {loop.users_text} that this rate calls for, it would have left out {loop.omitted:.1%} of these "
        f"requests and reported a p99 of {show_ms(loop.p99_ms)} instead of {show_ms(result.p99_ms)}."
    )
    legend = [("s0", "latency from the intended start, ms"), ("s1", "what a closed-loop test would have reported, ms")]
    return figure("Latency by percentile", legend, chart, caption)


def _curve(latencies_s: np.typing.NDArray[np.float64]) -> list[tuple[float, float]]:
    nines = np.linspace(0.0, math.log10(max(len(latencies_s), 10)), _CURVE)
    values = np.percentile(latencies_s, 100 * (1 - 10.0**-nines)) * 1e3
    return [(float(x), float(y)) for x, y in zip(nines, values, strict=True)]


def _curve_notes(curve: Sequence[tuple[float, float]]) -> list[str]:
    return [f"{100 * (1 - 10**-x):.5g} %: {y:.3g} ms" for x, y in curve]


def _seconds(moments: Sequence[Moment]) -> Axis:
    return linear(moments[-1].at_s + moments[0].at_s, "seconds", exact=True)


def _latency(result: Result, moments: Sequence[Moment]) -> str:
    seen = [moment for moment in moments if moment.offered_rps]
    p99 = Series(
        "p99",
        [(m.at_s, m.p99_ms) for m in seen],
        [f"{m.at_s:g} s: p99 {m.p99_ms:.3g} ms, p50 {m.p50_ms:.3g} ms" for m in seen],
        "s0",
    )
    p50 = Series("p50", [(m.at_s, m.p50_ms) for m in seen], (), "s1")
    limit = result.thresholds.p99_ms
    y = logarithmic(min(m.p50_ms for m in seen), max(limit, *(m.p99_ms for m in seen)), "ms")
    chart = line_chart("Latency over time", _seconds(moments), y, [p50, p99], marks=[Mark(limit, f"{limit:g} ms")])
    return figure("Latency over time", [("s0", "p99, ms"), ("s1", "p50, ms")], chart)


def _throughput(moments: Sequence[Moment]) -> str:
    highest = max(max(m.offered_rps, m.answered_rps) for m in moments)
    notes = [f"{m.at_s:g} s: {m.answered_rps:.0f}/s answered of {m.offered_rps:.0f}/s offered" for m in moments]
    offered = Series("offered", [(m.at_s, m.offered_rps) for m in moments], (), "s1")
    answered = Series("answered", [(m.at_s, m.answered_rps) for m in moments], notes, "s0")
    chart = line_chart("Throughput over time", _seconds(moments), linear(highest, "/s"), [offered, answered])
    legend = [("s0", "answered per second"), ("s1", "offered per second")]
    return figure("Throughput over time", legend, chart)


def _errors(result: Result, moments: Sequence[Moment]) -> str:
    if not result.errors:
        return ""
    notes = [f"{m.at_s:g} s: {m.errors} errors" for m in moments]
    line = Series("errors", [(m.at_s, float(m.errors)) for m in moments], notes, "s1")
    chart = line_chart(
        "Errors over time", _seconds(moments), linear(max(m.errors for m in moments), ""), [line], width=WIDE
    )
    caption = ", ".join(f"{name}: {count}" for name, count in result.errors.items())
    return figure("Errors over time", [("s1", "failed requests by intended start")], chart, caption)


def _endpoints(result: Result) -> str:
    rows = [
        (
            endpoint.name,
            f"{endpoint.requests:,}",
            f"{endpoint.rps:,.1f}",
            *(f"{ms:.3g}" for ms in (endpoint.p50_ms, endpoint.p95_ms, endpoint.p99_ms, endpoint.max_ms)),
            f"{endpoint.error_rate:.2%}",
            f"{endpoint.mean_bytes:,.0f}",
        )
        for endpoint in result.endpoints
    ]
    columns = ("Kind", "requests", "per second", "p50 ms", "p95 ms", "p99 ms", "longest ms", "errors", "bytes")
    return table("The mix", columns, rows)


def _facts(result: Result) -> list[tuple[str, str]]:
    host = result.host
    noise = f"CPU steal {host.steal:.1%}, run queue {host.run_queue:g} on average, {host.run_queue_max} at most"
    return [
        ("Noise", f"{noise}{', noisy' if host.noisy else ''}"),
        ("Generator", f"lag p99 {result.lag_p99_ms:g} ms, {host.generator_cpu:g} cores, {result.workers} process(es)"),
        ("Goodput", f"{result.goodput_rps:,.1f} answers/s within {result.thresholds.p99_ms:g} ms"),
        ("Wrong answers", "; ".join(result.correctness.examples) or "none"),
        ("Seed", str(result.seed)),
        ("Date", result.date),
        ("Command", result.command),
    ]
