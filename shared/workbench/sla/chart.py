"""Line charts as SVG: a picture needs no library, no script and no network, and follows the page's light or dark theme.

Colours are CSS classes (``s0``, ``s1`` … for series), so the page's style sheet decides them.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["HALF", "WIDE", "Axis", "Mark", "Series", "line_chart", "linear", "logarithmic"]

WIDE: Final = 1000
HALF: Final = 480
_LEFT: Final = 52
_RIGHT: Final = 16
_TOP: Final = 12
_BOTTOM: Final = 40
_HEIGHT: Final = {WIDE: 380, HALF: 260}


class Axis(NamedTuple):
    """One axis: where a value lies (0 to 1), the ticks with their labels, and what is measured in which unit."""

    place: Callable[[float], float]
    ticks: Sequence[tuple[float, str]]
    title: str


class Series(NamedTuple):
    """One line, or the ``dots`` of its points, or both. ``notes`` holds what a pointer over each point says."""

    name: str
    points: Sequence[tuple[float, float]]
    notes: Sequence[str] = ()
    style: str = "s0"
    dots: bool = False
    joined: bool = True


class Mark(NamedTuple):
    """A promised limit: a dashed line at a height, with words at its end."""

    value: float
    label: str


def linear(highest: float, title: str, *, exact: bool = False) -> Axis:
    """An axis from 0 with round ticks, up to the first tick that reaches ``highest`` or ``exact``-ly to it."""
    step = _ceil_tick(highest / 4) if highest > 0 else 1.0
    count = max(1, math.ceil(highest / step - 1e-9))
    top = highest if exact and highest > 0 else count * step
    ticks = [(n * step, f"{n * step:,.10g}") for n in range(count + 1) if n * step <= top * 1.001]
    return Axis(lambda value: value / top, ticks, title)


def logarithmic(lowest: float, highest: float, title: str) -> Axis:
    """A log axis over at least one decade, with ticks at 1, 2 and 5 times the powers of ten."""
    low = _floor_tick(max(lowest, 1e-3))
    high = max(_ceil_tick(highest), low * 10)
    span = math.log10(high / low)
    steps = (1, 2, 5) if span < 3 else (1,)  # noqa: PLR2004 - three decades is where labels would touch
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [step * 10.0**decade for decade in decades for step in steps]
    ticks = [(value, f"{value:g}") for value in values if low * 0.999 <= value <= high * 1.001]
    return Axis(lambda value: math.log10(max(value, low) / low) / span, ticks, title)


def line_chart(  # noqa: PLR0913 - a chart is its parts
    label: str, x: Axis, y: Axis, series: Sequence[Series], *, marks: Sequence[Mark] = (), width: int = HALF
) -> str:
    """The chart as one ``<svg>`` element; ``label`` is what a screen reader says, ``width`` `WIDE` or `HALF` a page."""
    height = _HEIGHT[width]
    plot = _Plot(x, y, width, height)
    parts = [
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">',
        *plot.grid(),
        *(plot.mark(mark) for mark in marks),
        *(plot.line(line) for line in series),
        *(note for line in series for note in plot.notes(line)),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


class _Plot:
    def __init__(self, x: Axis, y: Axis, width: int, height: int) -> None:
        self._x, self._y = x, y
        self._right = width - _RIGHT
        self._bottom = height - _BOTTOM

    def at(self, point: tuple[float, float]) -> tuple[float, float]:
        across = _LEFT + self._x.place(point[0]) * (self._right - _LEFT)
        return round(across, 1), self._height_of(point[1])

    def grid(self) -> list[str]:
        parts = []
        for value, text in self._y.ticks:
            height = self._height_of(value)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{self._right}" y1="{height}" y2="{height}"/>')
            parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{height + 4}" text-anchor="end">{escape(text)}</text>')
        for value, text in self._x.ticks:
            across, _ = self.at((value, self._y.ticks[0][0]))
            parts.append(
                f'<text class="tick" x="{across}" y="{self._bottom + 18}" text-anchor="middle">{escape(text)}</text>'
            )
        middle, below = (_LEFT + self._right) / 2, self._bottom + 36
        title = escape(self._x.title)
        return [*parts, f'<text class="axis" x="{middle}" y="{below}" text-anchor="middle">{title}</text>']

    def mark(self, mark: Mark) -> str:
        height = self._height_of(mark.value)
        return (
            f'<line class="mark" x1="{_LEFT}" x2="{self._right}" y1="{height}" y2="{height}"/>'
            f'<text class="mark-label" x="{_LEFT + 6}" y="{height - 5}">{escape(mark.label)}</text>'
        )

    def line(self, series: Series) -> str:
        points = [self.at(point) for point in series.points]
        way = "M" + "L".join(f"{across},{height}" for across, height in points)
        path = f'<path class="line" d="{way}"/>' if series.joined else ""
        dots = "".join(f'<circle class="dot" cx="{a}" cy="{h}" r="3.5"/>' for a, h in points) if series.dots else ""
        return f'<g class="{escape(series.style)}">{path}{dots}</g>' if points else ""

    def notes(self, series: Series) -> list[str]:
        spots = zip(series.points, series.notes, strict=False)
        return [
            f'<circle class="spot" cx="{across}" cy="{height}" r="9"><title>{escape(note)}</title></circle>'
            for (across, height), note in ((self.at(point), note) for point, note in spots)
        ]

    def _height_of(self, value: float) -> float:
        share = min(max(self._y.place(value), 0.0), 1.0)
        return round(self._bottom - share * (self._bottom - _TOP), 1)


def _ceil_tick(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(value, 1e-9)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)


def _floor_tick(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(max(value, 1e-9)))
    return next(step * power for step in (5, 2, 1) if step * power <= value * 1.001)
