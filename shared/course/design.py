"""``make design`` shows a system to design and, after Enter, the rubric."""

from __future__ import annotations

import argparse
import random
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from course.prose import prose
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

__all__ = ["Design", "DesignError", "main", "read_design"]

_FOLDER = ROOT / "interview" / "design"
_TITLE = re.compile(r"# (?P<id>[a-z][a-z-]*) · (?P<title>.+)\n\nLevel \d · \d+ minutes\n\n")
_SECTIONS = ["Prompt", "Ask before you draw", "Rubric", "What the repository shows"]
_ROW = re.compile(r"^\| [^|]+ \| (\d+) \|", re.MULTILINE)
_ALL_POINTS = 100
_WRONG = 2


class DesignError(Exception):
    """A prompt has another form than the others, or does not exist."""


@dataclass(frozen=True)
class Design:
    """A design prompt; `sections` maps a heading to its Markdown."""

    id: str
    title: str
    sections: dict[str, str]


def read_design(path: Path) -> Design:
    """The prompt in a file.

    Raises:
        DesignError: its title or sections are not as expected, or its rubric's points do not add up to 100.
    """
    text = path.read_text(encoding="utf-8")
    head = _TITLE.match(text)
    if head is None or head["id"] != path.stem:
        raise DesignError(f"{path}: expected '# {path.stem} · TITLE', then 'Level N · M minutes'")
    _, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    if parts[::2] != _SECTIONS:
        raise DesignError(f"{path}: sections {', '.join(parts[::2])}: expected {', '.join(_SECTIONS)}")
    sections = {heading: body.strip() for heading, body in zip(parts[::2], parts[1::2], strict=True)}
    points = sum(map(int, _ROW.findall(sections["Rubric"])))
    if points != _ALL_POINTS:
        raise DesignError(f"{path}: rubric {points} points: expected {_ALL_POINTS}")
    return Design(head["id"], head["title"], sections)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a prompt, waits for Enter, prints the rubric; returns 0, or 2 when the prompt does not exist."""
    parser = argparse.ArgumentParser(prog="python -m course.design", description=__doc__)
    parser.add_argument("id", nargs="?", help="the prompt (default: any)")
    parser.add_argument("--seed", type=int, help="seed of the random choice")
    options = parser.parse_args(argv)
    console = make_console()
    try:
        design = _choose(options.id, options.seed)
    except DesignError as error:
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        return _WRONG
    _show(design, console)
    return 0


def _choose(wanted: str | None, seed: int | None) -> Design:
    designs = {path.stem: read_design(path) for path in sorted(_FOLDER.glob("*.md"))}
    if wanted and wanted not in designs:
        raise DesignError(f"design {wanted}: expected one of {', '.join(designs)}")
    return designs[wanted or random.Random(seed).choice(sorted(designs))]  # noqa: S311 - not a secret


def _show(design: Design, console: Console) -> None:
    console.print(f"[bold]{design.title}[/]  [dim]{design.id}[/]\n")
    for heading in _SECTIONS[:2]:
        console.print(prose(f"**{heading}**\n\n{design.sections[heading]}"))
    if sys.stdin.isatty():
        console.input("\n[cyan]Enter[/] when you have drawn it: ")
    for heading in _SECTIONS[2:]:
        console.print(prose(f"**{heading}**\n\n{design.sections[heading]}"))


if __name__ == "__main__":
    sys.exit(main())
