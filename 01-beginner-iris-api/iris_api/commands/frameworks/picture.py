"""The comparison as SVG: a bar for each framework, as long as its requests per second."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iris_api.commands.frameworks.row import Row

__all__ = ["draw"]

_WIDTH, _LEFT, _RIGHT = 900, 250, 190
_BAR, _GAP, _TOP = 20, 8, 40
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#16191d}.soft{fill:#5b6470}.bar{fill:#1f6fd6}.paper{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#eceff3}.soft{fill:#9aa4b1}.paper{fill:#181b20}}"
)


def draw(rows: Sequence[Row]) -> str:
    """The picture, whole in itself: it needs no style sheet and follows light and dark themes."""
    measured = sorted((row for row in rows if row.figures), key=lambda row: -_rps(row))
    most = max(map(_rps, measured), default=1)
    height = _TOP + len(measured) * (_BAR + _GAP) + 12
    title = "Requests per second of one model, one core, one worker"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{title}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
        f'<text class="soft" x="{_LEFT}" y="24">{title}, and CPU time for one request</text>',
    ]
    for place, row in enumerate(measured):
        parts += _bar(row, (_WIDTH - _LEFT - _RIGHT) / most, _TOP + place * (_BAR + _GAP))
    return "\n".join([*parts, "</svg>\n"])


def _rps(row: Row) -> float:
    return row.figures.rps if row.figures else 0.0


def _bar(row: Row, scale: float, top: int) -> list[str]:
    width, cpu_us = _rps(row) * scale, row.figures.cpu_us if row.figures else 0.0
    words = f"{_rps(row):,.0f}/s, {cpu_us:,.0f} µs"
    return [
        f'<text x="{_LEFT - 10}" y="{top + 15}" text-anchor="end">{escape(row.title)}</text>',
        f'<rect class="bar" x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
        f'<text class="soft" x="{_LEFT + width + 8:.1f}" y="{top + 15}">{words}</text>',
    ]
