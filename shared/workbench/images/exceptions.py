"""Known vulnerabilities that a person has accepted for a while: ``infra/pipelines/vulnerabilities.toml``.

An exception has an end. After it the gate fails, whether or not the vulnerability is still found, so that somebody
decides anew; none may last longer than three months.
"""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILE", "LONGEST", "ExceptionsError", "Exempt", "read_exceptions"]

FILE: Final = ROOT / "infra" / "pipelines" / "vulnerabilities.toml"
LONGEST: Final = timedelta(days=92)
_FIELDS: Final = {"id": str, "package": str, "until": date, "reason": str}


class ExceptionsError(ValueError):
    """An exception is incomplete, over, or lasts too long; the message has a line for each."""


class Exempt(NamedTuple):
    """A vulnerability that is accepted in one package, until the end of a day."""

    id: str
    package: str
    until: date
    reason: str


def read_exceptions(today: date, file: Path = FILE) -> list[Exempt]:
    """The exceptions that hold today.

    Raises:
        ExceptionsError: the file is not TOML, an entry lacks a field or has an unknown one, is over, or ends more than
            three months from today.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("exception", [])
    except tomllib.TOMLDecodeError as error:
        raise ExceptionsError(f"{file.name}: not TOML: {error}") from None
    faults = [fault for number, table in enumerate(tables, 1) if (fault := _fault(table, number, today))]
    if faults:
        raise ExceptionsError("\n".join(f"{file.name}: {fault}" for fault in faults))
    return [Exempt(**table) for table in tables]


def _fault(table: dict[str, Any], number: int, today: date) -> str:
    if wrong := sorted(name for name in _FIELDS.keys() | table.keys() if not _is_right(name, table.get(name))):
        return f"exception {number}: {', '.join(wrong)}: expected id, package, until (a date) and reason, and no more"
    until: date = table["until"]
    name = f"exception {table['id']} in {table['package']}"
    if until < today:
        return f"{name}: ended on {until}; update the package and delete the exception, or decide anew until when"
    if until > today + LONGEST:
        return f"{name}: until {until}, expected {today + LONGEST} at the latest"
    return ""


def _is_right(name: str, value: object) -> bool:
    return name in _FIELDS and type(value) is _FIELDS[name] and bool(value)
