"""What a rule says: met, failed with its remedy, or not applicable with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from rich.text import Text

from workbench.terminal import make_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

__all__ = ["PolicyFinding", "Result", "Said", "failed", "met", "not_applicable", "render"]

Result = Literal["met", "failed", "not applicable"]

_STYLES: dict[Result, str] = {"met": "green", "failed": "bold red", "not applicable": "dim"}


class Said(msgspec.Struct, frozen=True):
    """What a rule says of one subject.

    Attributes:
        result: met, failed or not applicable.
        detail: the evidence, in a few words.
        remedy: the command or act that helps; empty but for a failure.
    """

    result: Result
    detail: str
    remedy: str = ""


class PolicyFinding(msgspec.Struct, frozen=True):
    """What a rule says, and of what.

    Attributes:
        level: the level; None for the repository as a whole.
        subject: a model or an image; empty for the level as a whole.
        rule: the rule's name.
        said: what it says.
    """

    level: int | None
    subject: str
    rule: str
    said: Said


def met(detail: str) -> Said:
    """The rule is kept."""
    return Said("met", detail)


def failed(detail: str, remedy: str) -> Said:
    """The rule is broken, or its evidence is missing."""
    return Said("failed", detail, remedy)


def not_applicable(reason: str) -> Said:
    """The rule has nothing to say here."""
    return Said("not applicable", reason)


def render(console: Console, findings: Sequence[PolicyFinding]) -> Table:
    """A row for each finding."""
    table = make_table(console, "level", "subject", "rule", "result", "evidence", "remedy")
    for each in findings:
        said = each.said
        cells: list[Any] = [_level(each), each.subject, each.rule, said.result, said.detail, said.remedy]
        row = [Text(printable(cell)) for cell in cells]
        row[3].stylize(_STYLES[said.result])
        table.add_row(*row)
    return table


def _level(finding: PolicyFinding) -> str:
    return "all" if finding.level is None else str(finding.level)
