"""How commands talk to people: handsome in a terminal, plain lines when piped, and never in a terminal's own language.

A log, a trace or an answer may hold what a stranger sent. A terminal obeys some characters instead of showing them:
they clear the screen, set the clipboard, or make a line read as another. Here is where they become visible.

Whoever reads a command's lines may close the pipe early, as ``| head`` does. The command then says nothing more. It
does its work to the end, so that nothing is left half started, and ends with the exit code that it would have had.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.segment import Segment
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    from rich.console import ConsoleOptions, RenderableType

__all__ = ["ScreenedConsole", "make_console", "make_table", "printable", "say"]

_PIPED_WIDTH = 200


class ScreenedConsole(Console):
    """A console that shows the control characters of what it prints instead of sending them."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of a renderable, screened; what moves the cursor by intention (a progress bar) passes."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_screened(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Says nothing more, because nobody reads it; rich would end the command here, with exit code 1."""
        self.quiet = True
        _send_nowhere(self.file)


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console as wide as the terminal, or as COLUMNS says; piped, wide enough that no table cell is cut.

    A quiet one prints nothing.
    """
    console = ScreenedConsole(stderr=stderr, highlight=False, quiet=quiet)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console


def make_table(console: Console, *columns: str, title: str | None = None, numbers: int | Iterable[int] = ()) -> Table:
    """A table with these columns: ruled in a terminal, aligned columns alone when piped.

    Args:
        console: where it will be printed.
        columns: their headings.
        title: stands above it.
        numbers: the places of the columns that hold numbers, the first is 0; a single one: from there on all of them.
    """
    style = box.SIMPLE_HEAD if console.is_terminal else None
    table = Table(
        *columns, title=title, title_justify="left", box=style, header_style="bold", pad_edge=style is not None
    )
    for column in table.columns:
        column.overflow = "fold"
    for place in range(numbers, len(columns)) if isinstance(numbers, int) else numbers:
        table.columns[place].justify = "right"
    return table


def say(text: object, *, stderr: bool = False) -> None:
    """Print a text as lines, screened and at once; for what may quote a server or a client."""
    stream = sys.stderr if stderr else sys.stdout
    try:
        stream.write(f"{_screened(str(text))}\n")
        stream.flush()
    except BrokenPipeError:
        _send_nowhere(stream)


def printable(text: str) -> str:
    r"""The text on one line: control, format and bidi characters and line breaks as Python writes them: ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _screened(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def _send_nowhere(stream: IO[str]) -> None:
    """What a stream still holds, and all that will be written to it, is lost without an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@atexit.register
def _flush() -> None:
    """Before Python does it, with a message of its own: what others wrote, such as argparse its help."""
    with suppress(ValueError):  # closed already
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _send_nowhere(sys.stdout)
