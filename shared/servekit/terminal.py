"""How commands talk to people: handsome in a terminal, plain lines when piped."""

from __future__ import annotations

import os

from rich import box
from rich.console import Console
from rich.table import Table

__all__ = ["make_console", "make_table"]

_PIPED_WIDTH = 200


def make_console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or as COLUMNS says; piped, wide enough that no table cell is cut."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console


def make_table(console: Console, *columns: str, title: str | None = None) -> Table:
    """A table with these columns: ruled in a terminal, aligned columns alone when piped."""
    style = box.SIMPLE_HEAD if console.is_terminal else None
    table = Table(
        *columns, title=title, title_justify="left", box=style, header_style="bold", pad_edge=style is not None
    )
    for column in table.columns:
        column.overflow = "fold"
    return table
