"""Reads a design file: TOML of bounded size with finite numbers, and no field that nobody knows."""

from __future__ import annotations

import math
import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["DesignPart", "read_design"]

_MOST_BYTES: Final = 64 * 1024


class DesignPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A design or a table of it; unknown fields are errors."""


D = TypeVar("D", bound=DesignPart)


def read_design(path: Path, kind: type[D], parts: Mapping[str, type[DesignPart]]) -> D:
    """The design in a file, as one of this kind whose tables are of these kinds.

    Raises:
        InvalidValueError: there is no such file, or it is no design of this kind.
    """
    document = _read(path)
    for name, number in _numbers(document):
        if not math.isfinite(number):
            raise InvalidValueError(name, number, "expected a finite number: nothing of this can be bought or built")
    for where, name, known in _strangers(document, kind, parts):
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidValueError(f"{where}{name}", "set", f"expected only {', '.join(known)}{hint}")
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as problem:
        raise InvalidValueError("design", str(path), str(problem)) from None


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InvalidValueError("design", str(path), "expected a file")
    with path.open("rb") as file:
        raw = file.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise InvalidValueError("design", str(path), f"expected at most {_MOST_BYTES} bytes")
    try:
        return tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as problem:
        raise InvalidValueError("design", str(path), f"expected TOML: {problem}") from None


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, float):
        yield name, value


def _strangers(
    document: Mapping[str, Any], whole: type[DesignPart], parts: Mapping[str, type[DesignPart]]
) -> Iterator[tuple[str, str, list[str]]]:
    known = list(whole.__struct_fields__)
    yield from (("", name, known) for name in document if name not in known)
    for part, kind in parts.items():
        inside = document.get(part)
        names, given = list(kind.__struct_fields__), inside if isinstance(inside, dict) else {}
        yield from ((f"{part}.", name, names) for name in given if name not in names)
