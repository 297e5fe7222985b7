"""The latency budget as SVG: one bar for each endpoint and percentile, its hops side by side, the promise as a line."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["Hop", "draw"]

_WIDTH, _LEFT, _RIGHT = 900, 190, 30
_BAR, _GAP, _TOP, _LEGEND = 22, 10, 16, 56
_COLOURS = ("#1f6fd6", "#d1600a", "#157a3c", "#8a3fb0", "#b8202e", "#5b7a8a", "#b08a00", "#2aa198")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#16191d}.soft{fill:#5b6470}.axis{stroke:#c9ced6}"
    ".sla{stroke:#b8202e;stroke-dasharray:5 4}.paper{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#eceff3}.soft{fill:#9aa4b1}.axis{stroke:#3b424c}.paper{fill:#181b20}}"
)


class Hop(NamedTuple):
    """One step of an endpoint: its own milliseconds, at the median and at the 99th percentile of the requests kept."""

    step: str
    p50_ms: float
    p99_ms: float


def draw(found: dict[str, list[Hop]], sla_ms: float) -> str:
    """The picture, whole in itself: it needs no style sheet and follows light and dark themes.

    A bar puts its hops' own percentiles side by side. Their sum is no percentile of the endpoint: as a rule it is more
    than its p99, for hops are seldom slow together, and where each stalls less often than once in a hundred it is less.
    """
    rows = [
        (f"{name.removeprefix('POST /v1/')}  {which}", hops, which)
        for name, hops in found.items()
        for which in ("p50", "p99")
    ]
    colours = {
        step: _COLOURS[place % len(_COLOURS)]
        for place, step in enumerate(dict.fromkeys(hop.step for hops in found.values() for hop in hops))
    }
    scale = (_WIDTH - _LEFT - _RIGHT) / sla_ms
    height = _TOP + len(rows) * (_BAR + _GAP) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + _LEGEND}" role="img">',
        f"<title>Milliseconds of each hop, against {sla_ms:g} ms</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height + _LEGEND}"/>',
        *_axis(sla_ms, scale, height),
    ]
    for place, (label, hops, which) in enumerate(rows):
        parts += _bar(
            label,
            [(hop.step, hop.p99_ms if which == "p99" else hop.p50_ms) for hop in hops],
            colours,
            scale,
            _TOP + place * (_BAR + _GAP),
        )
    return "\n".join([*parts, *_legend(colours, height + 14), "</svg>\n"])


def _axis(sla_ms: float, scale: float, height: int) -> list[str]:
    bottom = height - 30
    ticks = [(tick, _LEFT + tick * scale) for tick in (sla_ms * part / 5 for part in range(6))]
    return [
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>',
        *(
            f'<text class="soft" x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{ms:g} ms</text>'
            for ms, at in ticks
        ),
        f'<line class="sla" x1="{ticks[-1][1]:.1f}" x2="{ticks[-1][1]:.1f}" y1="{_TOP - 8}" y2="{bottom}"/>',
    ]


def _bar(label: str, parts: Sequence[tuple[str, float]], colours: dict[str, str], scale: float, top: int) -> list[str]:
    total = sum(ms for _, ms in parts)
    drawn, at = [f'<text x="{_LEFT - 10}" y="{top + 16}" text-anchor="end">{escape(label)}</text>'], float(_LEFT)
    for step, ms in parts:
        note = f"<title>{escape(step)} {ms:.3f} ms</title>"
        width = f"{ms * scale:.1f}"
        drawn.append(
            f'<rect x="{at:.1f}" y="{top}" width="{width}" height="{_BAR}" fill="{colours[step]}">{note}</rect>'
        )
        at += ms * scale
    return [*drawn, f'<text class="soft" x="{at + 8:.1f}" y="{top + 16}">{total:.1f} ms</text>']


def _legend(colours: dict[str, str], top: int) -> list[str]:
    drawn = []
    for place, (step, colour) in enumerate(colours.items()):
        across, down = 20 + place % 6 * 145, top + place // 6 * 20
        drawn.append(f'<rect x="{across}" y="{down}" width="12" height="12" rx="2" fill="{colour}"/>')
        drawn.append(f'<text class="soft" x="{across + 18}" y="{down + 11}">{escape(step)}</text>')
    return drawn
