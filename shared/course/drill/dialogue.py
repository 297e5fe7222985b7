"""What the drill says and reads: a terminal, or lines on standard input."""

from __future__ import annotations

import re
from string import ascii_lowercase
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from course.prose import prose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["Dialogue", "StoppedError", "Ticked", "read_number"]

_NUMBER = re.compile(r"(?P<number>[+-]?(?:\d[\d, _]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\d\s].*)?\Z")


class StoppedError(Exception):
    """The learner typed q, or there is no more input."""


class Ticked(NamedTuple):
    """The points that the learner said: places in the two lists, from 0."""

    must: frozenset[int]
    bonus: frozenset[int]


class Dialogue:
    """Prints to a console and reads lines; each reading raises `StoppedError` at ``q`` and at the end of the input."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def heard(self, prompt: str) -> str:
        """The typed line, without blanks around it."""
        try:
            typed = self.console.input(prompt).strip()
        except EOFError:
            self.console.print()
            raise StoppedError from None
        if not self.console.is_terminal:
            self.console.print()  # a terminal shows the Enter that was typed
        if typed.lower() == "q":
            raise StoppedError
        return typed

    def one_of(self, count: int) -> int:
        """A number from 1 to `count`, asked for until it is one; returned from 0."""
        while True:
            typed = self.heard(f"[cyan]1–{count}[/] [dim](q stop)[/] ")
            if typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= count:
                return int(typed) - 1

    def number(self, unit: str) -> float | None:
        """A number in a unit; None when the learner gives up with Enter."""
        while typed := self.heard(f"[cyan]{unit}:[/] [dim](Enter gives up, q stop)[/] "):
            if (number := read_number(typed, unit)) is not None:
                return number
            self.console.print(Text(f"{typed}: expected a number in {unit}, such as 1250 or 0.5", "yellow"))
        return None

    def ticks(self, must: Sequence[str], bonus: Sequence[str]) -> Ticked:
        """Shows the points with their numbers and letters, and asks which of them were said."""
        letters = ascii_lowercase[: len(bonus)]
        self.console.print(points("Must say", [str(number) for number in range(1, len(must) + 1)], must))
        if bonus:
            self.console.print(points("Bonus", list(letters), bonus))
        example = "1 2 a" if bonus else "1 2"
        hint = f"[dim]({example} · all · 0 none · q stop)[/]"
        while (ticked := _read_ticks(self.heard(f"[cyan]you said:[/] {hint} "), len(must), letters)) is None:
            self.console.print(f"expected the numbers of the points that you said, such as {example}", style="yellow")
        return ticked


def points(heading: str, marks: Sequence[str], texts: Sequence[str]) -> Table:
    """A list under a heading (without one where that is empty), a mark before each text, for any width."""
    table = Table.grid("", "", padding=(0, 1))
    if heading:
        table.add_row("", Text(heading, "bold"))
    for mark, text in zip(marks, texts, strict=True):
        table.add_row(Text(mark, "cyan"), prose(text))
    return table


def read_number(text: str, unit: str) -> float | None:
    """A number as people write it, ``1,250`` or ``12.5 ms``; None for what is none, or is in another unit."""
    found = _NUMBER.match(text.strip())
    if found is None:
        return None
    typed = (found["unit"] or unit).strip().lower()
    if unit.lower() not in {typed, f"{typed}s"}:  # 1 server
        return None
    return float(re.sub(r"[, _]", "", found["number"]))


def _read_ticks(typed: str, must: int, letters: str) -> Ticked | None:
    words = typed.lower().replace(",", " ").split()
    if words in (["0"], ["none"]):
        return Ticked(frozenset(), frozenset())
    if "all" in words:
        words = [str(number) for number in range(1, must + 1)] + [word for word in words if word != "all"]
    numbers = {word for word in words if word.isascii() and word.isdecimal() and 1 <= int(word) <= must}
    if not words or set(words) - numbers - set(letters):
        return None
    said = frozenset(int(number) - 1 for number in numbers)
    return Ticked(said, frozenset(map(letters.index, set(words) - numbers)))
