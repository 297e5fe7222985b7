"""A level's request path as a picture: boxes, and arrows that carry the rate, the p99 and the errors of this moment.

The picture is an SVG, with sentences for those who do not see it.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import msgspec

from workbench.console.units import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.console.level_file import Arrow, Box, LevelFile

__all__ = ["Flow", "draw", "in_words"]

_STEP_X, _STEP_Y, _WIDE, _HIGH, _MARGIN = 210, 120, 110, 48, 20


class Flow(msgspec.Struct, frozen=True):
    """An arrow's figures at this moment; None where nothing was measured."""

    rate: float | None
    p99: float | None
    errors: float | None


def in_words(level: LevelFile, flows: Mapping[Arrow, Flow], down: frozenset[str]) -> str:
    """The picture as sentences."""
    titles = {box.id: box.title for box in level.box}
    calls = [f"{titles[each.source]} to {titles[each.target]}: {_said(each, flows[each])}" for each in level.arrow]
    missing = [f"{box.title} is down" for box in level.box if set(box.processes) & down]
    return ". ".join([*missing, *calls]) + "."


def draw(level: LevelFile, flows: Mapping[Arrow, Flow], down: frozenset[str]) -> str:
    """The picture as SVG, in the colours of the page's text.

    Args:
        level: what stands where.
        flows: the figures of each arrow.
        down: the names of the processes that do not run.
    """
    places = {box.id: (_MARGIN + box.at[0] * _STEP_X, _MARGIN + box.at[1] * _STEP_Y) for box in level.box}
    width = max(x for x, _ in places.values()) + _WIDE + _MARGIN
    height = max(y for _, y in places.values()) + _HIGH + _MARGIN
    parts = [_arrow(arrow, flows[arrow], places) for arrow in level.arrow]
    parts += [_box(box, places[box.id], is_down=bool(set(box.processes) & down)) for box in level.box]
    words = escape(in_words(level, flows, down))
    return (
        f'<svg class="flow" role="img" viewBox="0 0 {width:g} {height:g}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{words}</title>{_HEAD}{''.join(parts)}</svg>"
    )


_HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>'
)


def _box(box: Box, place: tuple[float, float], *, is_down: bool) -> str:
    x, y = place
    state = "down" if is_down else "up" if box.processes else "outside"
    caption = "down" if is_down else f"{len(box.processes)} processes" if len(box.processes) > 1 else ""
    return (
        f'<g class="box {state}"><rect x="{x:g}" y="{y:g}" width="{_WIDE}" height="{_HIGH}" rx="6"/>'
        f'<text x="{x + _WIDE / 2:g}" y="{y + (20 if caption else 28):g}">{escape(box.title)}</text>'
        + (f'<text class="note" x="{x + _WIDE / 2:g}" y="{y + 38:g}">{caption}</text>' if caption else "")
        + "</g>"
    )


def _arrow(arrow: Arrow, flow: Flow, places: Mapping[str, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = (
        _border(places[arrow.source], places[arrow.target]),
        _border(places[arrow.target], places[arrow.source]),
    )
    state = "bad" if _fails(flow) else "slow" if _is_slow(arrow, flow) else "calm" if not flow.rate else "busy"
    lines = _figures(flow)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2 - 9 - 13 * (len(lines) - 1)
    texts = "".join(f'<text x="{x:g}" y="{y + 13 * n:g}">{escape(line)}</text>' for n, line in enumerate(lines))
    return f'<g class="arrow {state}"><path d="M{x1:g} {y1:g} {x2:g} {y2:g}" marker-end="url(#head)"/>{texts}</g>'


def _border(box: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Where the line between the middles of two boxes leaves the first."""
    x, y = box[0] + _WIDE / 2, box[1] + _HIGH / 2
    dx, dy = other[0] - box[0], other[1] - box[1]
    scale = min(_WIDE / 2 / abs(dx) if dx else float("inf"), _HIGH / 2 / abs(dy) if dy else float("inf"))
    return x + dx * scale, y + dy * scale


def _figures(flow: Flow) -> list[str]:
    if flow.rate is None:
        return ["no data"]
    lines = [shown(flow.rate, "reqps")]
    lines += [f"p99 {shown(flow.p99, 's')}"] if flow.p99 is not None else []
    return lines + ([f"{shown(flow.errors, 'percentunit')} fail"] if _fails(flow) else [])


def _said(arrow: Arrow, flow: Flow) -> str:
    return ", ".join([*_figures(flow), *(["slow"] if _is_slow(arrow, flow) else [])])


def _fails(flow: Flow) -> bool:
    return bool(flow.errors and flow.errors > 0)


def _is_slow(arrow: Arrow, flow: Flow) -> bool:
    return flow.p99 is not None and flow.p99 > arrow.slow_s
