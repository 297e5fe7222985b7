"""The day as a picture: requests against what the ready replicas hold, and the share of broken promises."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from planner.day.timetable import DAY_S, clock
from workbench.sla.chart import WIDE, Axis, Mark, Series, line_chart, linear, logarithmic

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.day.points import ScoredDay, ScoredMoment

__all__ = ["draw_day"]

_STYLE: Final = (
    "<style>svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#5b6470}.grid{stroke:#e3e6ea}"
    ".line{fill:none;stroke-width:1.5}.s0 .line{stroke:#1f6fd6}.s1 .line{stroke:#157a3c}.s2 .line{stroke:#9aa3ad}"
    ".s3 .line{stroke:#c02d2d}.mark{stroke:#5b6470;stroke-dasharray:5 4}.spot{fill:transparent}"
    ".event{fill:#f2b84b;opacity:.18}</style>"
)
_LEGEND: Final = (
    ("#1f6fd6", ""), ("#157a3c", "held by the ready replicas"), ("#9aa3ad", "held by the reference's"),
    ("#c02d2d", "failed, late or too old, per cent"),
)  # fmt: skip
_HEIGHT: Final = 380
_HEAD: Final = 48
_MANY_RPS: Final = 10_000
_STEPS_DRAWN: Final = 4
_LEFT: Final = 52
_PLOT: Final = WIDE - _LEFT - 16
_LEAST: Final = 1e-3


def draw_day(title: str, day: ScoredDay, reference: ScoredDay) -> str:
    """The day of a design, with the reference's behind it, as the text of an SVG document that stands alone."""
    hours = Axis(lambda at: at / 24, [(n, f"{n:02}:00") for n in range(0, 25, 3)], "hour of the day")
    most = max(max(each.rate_rps, each.holds_rps) for each in day.moments)
    unit, words = (1000.0, "thousand requests/s") if most > _MANY_RPS else (1.0, "requests/s")
    most /= unit
    held = [_line(run, lambda each: -each.holds_rps / unit) for run in (day, reference)]
    held[0] = [(at, -height) for at, height in held[0]]
    asked = _line(day, lambda each: each.rate_rps / unit)
    held[1] = [(at, min(-height, most)) for at, height in held[1]]
    upper = line_chart(
        f"{title}: requests and what the replicas hold",
        hours,
        linear(most, words),
        [Series("reference", held[1], style="s2"), Series("held", held[0], style="s1"), Series("asked", asked)],
        width=WIDE,
    )
    broken = [(at, max(share * 100, _LEAST * 100)) for at, share in _line(day, lambda each: each.bad)]
    lower = line_chart(
        f"{title}: broken promises in per cent",
        hours,
        logarithmic(_LEAST * 100, 100.0, "per cent"),
        [Series("broken", broken, style="s3")],
        marks=[Mark(1.0, "1 %: what a p99 allows")],
        width=WIDE,
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {_HEAD + 2 * _HEIGHT}">{_STYLE}',
        f'<text x="{_LEFT}" y="18">{escape(title)}</text>',
        *_keys(words),
        *_shades(day),
        _placed(upper, _HEAD),
        _placed(lower, _HEAD + _HEIGHT),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _line(run: ScoredDay, of: Callable[[ScoredMoment], float]) -> list[tuple[float, float]]:
    """One point a minute: the largest of its four steps, so that nothing short is lost."""
    moments = run.moments
    return [
        (moments[index].at_s / 3600, max(of(each) for each in moments[index : index + _STEPS_DRAWN]))
        for index in range(0, len(moments), _STEPS_DRAWN)
    ]


def _placed(chart: str, top: int) -> str:
    return chart.replace("<svg ", f'<svg y="{top}" width="{WIDE}" height="{_HEIGHT}" ', 1)


def _keys(unit: str) -> list[str]:
    return [
        f'<circle cx="{_LEFT + 6 + 230 * place}" cy="36" r="4" fill="{colour}"/>'
        f'<text x="{_LEFT + 16 + 230 * place}" y="40">{words or unit}</text>'
        for place, (colour, words) in enumerate(_LEGEND)
    ]


def _shades(day: ScoredDay) -> list[str]:
    """The time of each event, with its name, behind both charts."""
    parts = []
    for row, event in enumerate(day.events):
        left, right = (_LEFT + _PLOT * at / DAY_S for at in (event.at_s, event.end_s))
        parts.append(
            f'<rect class="event" x="{left:.1f}" y="{_HEAD}" width="{right - left:.1f}" height="{2 * _HEIGHT}"/>'
            f'<text x="{left + 3:.1f}" y="{_HEAD + 24 + 14 * (row % 2)}">{event.name} {clock(event.at_s)[:5]}</text>'
        )
    return parts
