"""The frame of a self-contained HTML report: no script, no network, light and dark.

Every text is escaped here; only what these functions and `chart` made (a body, a picture) goes in as it is.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.hardware import HardwareStamp

__all__ = ["Tile", "figure", "page", "stamp_list", "table", "tiles"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""The browser holds it too: nothing runs, nothing is loaded."""
_SENTENCES: Final = ' style="white-space: normal; text-align: left; vertical-align: top"'
_STYLE: Final = Path(__file__).with_name("report.css")

Tile = tuple[str, str, str, str]
"""A key figure: its name, its value, what was promised, and ``kept``, ``close``, ``missed`` or nothing."""


def page(title: str, status: str, verdict: str, lead: Sequence[str], body: Iterable[str]) -> str:
    """The whole document.

    Args:
        title: what was measured.
        status: colours the verdict: met, broken, too_close, invalid or interrupted.
        verdict: in a few words.
        lead: how it was measured, a line; then lines that nobody should miss.
        body: sections, from the functions below.
    """
    style = _STYLE.read_text(encoding="utf-8")
    sections = "\n".join(body)
    first, *others = (escape(line) for line in lead)
    words = "<br>".join([first, *(f"<b>{line}</b>" for line in others)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}: {escape(verdict)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f'<header><h1>{escape(title)}</h1><p class="verdict {escape(status)}">{escape(verdict)}</p>'
        f'<p class="lead">{words}</p></header>\n'
        f"{sections}\n</main>\n</body>\n</html>\n"
    )


def tiles(figures: Sequence[Tile]) -> str:
    """Key figures, large, each above its promise."""
    cells = "".join(
        f'<div class="tile {escape(state)}"><dt>{escape(name)}</dt><dd>{escape(value)}</dd>'
        f"<p>{escape(promise)}</p></div>"
        for name, value, promise, state in figures
    )
    return f'<dl class="tiles">{cells}</dl>'


def figure(heading: str, legend: Sequence[tuple[str, str]], picture: str, caption: str = "") -> str:
    """A chart under its heading; the legend is pairs of CSS class and words, left out for a single line."""
    keys = "".join(f'<li class="{escape(style)}">{escape(words)}</li>' for style, words in legend)
    keys = f'<ul class="legend">{keys}</ul>' if keys else ""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure><h2>{escape(heading)}</h2>{keys}{picture}{words}</figure>"


def table(heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, sentences: bool = False) -> str:
    """A table whose first column is words and whose others are figures, or else sentences, which wrap."""
    style = _SENTENCES if sentences else ""
    head = "".join(f"<th{style}>{escape(column)}</th>" for column in columns)
    lines = "".join("<tr>" + "".join(f"<td{style}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<section><h2>{escape(heading)}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div></section>"
    )


def stamp_list(stamp: HardwareStamp, facts: Iterable[tuple[str, str]]) -> str:
    """Where and how it was measured."""
    where = f"{stamp['cpu']}, {stamp['cores']} cores, {stamp['ram_gib']:g} GiB"
    system = f"{stamp['system']} {stamp['kernel']}, {stamp['python']}"
    entries = [("Machine", where), ("System", system), *facts]
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in entries)
    return f'<section><h2>How this was measured</h2><dl class="facts">{items}</dl></section>'
