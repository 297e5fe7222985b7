"""The diagnosis of an invalid request: the exact field, its value, and what was expected.

The fast decoder only says that a request is invalid. This slow path then finds the cause; valid requests never take it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iris_api.domain.flower import FEATURES, MAX_BATCH, MAX_CM
from servekit.errors import InvalidValueError, MalformedError, ServingError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["diagnose"]

_LONGEST_INTEGER = 80
_NAMES = ", ".join(FEATURES)


class _Object(dict[str, Any]):
    """A JSON object that remembers every name it was given: a `dict` silently keeps the last of two."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.given = [name for name, _ in pairs]


def diagnose(body: bytes) -> ServingError:
    """The error that explains why ``body`` is not a flower, nor a list of flowers."""
    try:
        # decoded first: json would guess at UTF-16 and UTF-32, which JSON between systems never is (RFC 8259, 8.1)
        document = json.loads(body.decode(), object_pairs_hook=_Object, parse_int=_integer)
        return next(_problems(document), MalformedError("body", None, "not strict JSON"))
    except ValueError as error:
        return MalformedError("body", None, f"not JSON: {error}")
    except RecursionError:
        return MalformedError("body", None, "nested too deeply: expected a flower or a list of flowers")


def _problems(document: Any) -> Iterator[ServingError]:
    if not isinstance(document, list):
        yield from _of_flower("flower", document)
        return
    if not document:
        yield InvalidValueError("flowers", "0 in the list", f"expected 1 to {MAX_BATCH}")
    if len(document) > MAX_BATCH:
        expectation = f"expected 1 to {MAX_BATCH}; larger batches travel as Arrow"
        yield InvalidValueError("flowers", f"{len(document)} in the list", expectation)
    for row, item in enumerate(document):
        yield from _of_flower(f"flowers[{row}]", item)


def _of_flower(thing: str, item: Any) -> Iterator[ServingError]:
    if not isinstance(item, _Object):
        yield InvalidValueError(thing, json.dumps(item), f"expected an object with {_NAMES}")
        return
    for name in FEATURES:
        if item.given.count(name) != 1:
            expectation = "given more than once" if name in item else "missing"
            yield InvalidValueError(f"{thing}.{name}", None, f"{expectation}: expected a length in cm")
    for name, value in item.items():
        if name in FEATURES:
            yield from _of_length(f"{thing}.{name}", value)
        else:
            yield InvalidValueError(f"{thing} feature", json.dumps(name), f"unknown: expected only {_NAMES}")


def _of_length(thing: str, value: Any) -> Iterator[ServingError]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield InvalidValueError(thing, json.dumps(value), "expected a number of cm")
    elif not 0 <= value <= MAX_CM:  # so is NaN
        yield InvalidValueError(thing, json.dumps(value), "expected a length from 0 to 100 cm")


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_INTEGER else float(text)  # Python refuses to read very long ones
