"""The steps of each way as SVG: a row for each request, a column for each step of the model."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from assistant.ladder.steps import SEATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assistant.ladder.steps import Way

__all__ = ["draw_ways", "states"]

_CELL, _LEFT, _TOP, _TITLE, _GAP, _LEGEND = 14, 34, 14, 22, 18, 34
PROMPT, TOKEN, HELD, EMPTY, WAITING, AWAY = "prompt", "token", "held", "empty", "waiting", ""
_WORDS: Final = {
    PROMPT: "a prompt, or a part of one",
    TOKEN: "a token of an answer",
    HELD: "stands still",
    EMPTY: "empty seat",
    WAITING: "waits",
}
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#16191d}.soft{fill:#5b6470}.paper{fill:#fff}.prompt{fill:#d1600a}"
    ".token{fill:#1f6fd6}.held{fill:none;stroke:#1f6fd6;stroke-width:1.5}.empty{fill:none;stroke:#b8202e;"
    "stroke-width:1.5;stroke-dasharray:2 2}.waiting{fill:#c9ced6}"
    "@media(prefers-color-scheme:dark){text{fill:#eceff3}.soft{fill:#9aa4b1}.paper{fill:#181b20}.waiting{fill:#3b424c}}"
)


def draw_ways(ways: Sequence[Way]) -> str:
    """The picture, whole in itself: it needs no style sheet and follows light and dark themes."""
    width = _LEFT + _CELL * max(len(way.steps) for way in ways) + _TOP
    body, top = list[str](), _TOP
    for way in ways:
        body += _panel(way, top)
        top += _TITLE + _CELL * len(way.prompts) + _GAP
    height = top + _LEGEND
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{len(ways)} ways to answer {len(ways[0].prompts)} requests, step by step</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{width}" height="{height}"/>',
            *body,
            *_legend(top),
            "</svg>\n",
        ]
    )


def states(way: Way) -> list[list[str]]:
    """For each request what it did in each step: a row of names that are the picture's style classes."""
    rows = [[AWAY] * len(way.steps) for _ in way.prompts]
    for step, parts in enumerate(way.steps):
        for number, prompt in parts:
            rows[number][step] = PROMPT if prompt else TOKEN
    own = [_span(row) for row in rows]
    for number, (row, (first, last)) in enumerate(zip(rows, own, strict=True)):
        row[:first] = [WAITING] * first
        row[first : last + 1] = [each or HELD for each in row[first : last + 1]]
        if way.static:
            batch = number // SEATS * SEATS
            until = max(end for _, end in own[batch : batch + SEATS])
            row[last + 1 : until + 1] = [EMPTY] * (until - last)
    return rows


def _span(row: Sequence[str]) -> tuple[int, int]:
    inside = [step for step, state in enumerate(row) if state]
    return inside[0], inside[-1]


def _panel(way: Way, top: int) -> Iterator[str]:
    title = f"{way.name}: {len(way.steps)} steps, {way.sequences_at_once:.1f} sequences in each"
    yield f'<text x="{_LEFT}" y="{top + 12}">{escape(title)}</text>'
    for number, row in enumerate(states(way)):
        above = top + _TITLE + number * _CELL
        yield f'<text class="soft" x="{_LEFT - 10}" y="{above + 11}" text-anchor="end">{number + 1}</text>'
        for step, state in enumerate(row):
            if state:
                yield _cell(state, _LEFT + step * _CELL, above)


def _cell(state: str, left: int, top: int) -> str:
    if state == WAITING:
        return f'<rect class="{state}" x="{left}" y="{top + _CELL // 2 - 1}" width="{_CELL}" height="2"/>'
    inset = 2 if state in {HELD, EMPTY} else 1
    side = _CELL - 2 * inset
    return f'<rect class="{state}" x="{left + inset}" y="{top + inset}" width="{side}" height="{side}"/>'


def _legend(top: int) -> Iterator[str]:
    left = _LEFT
    for state, words in _WORDS.items():
        yield _cell(state, left, top)
        yield f'<text class="soft" x="{left + _CELL + 5}" y="{top + 11}">{words}</text>'
        left += _CELL + 18 + 7 * len(words)
