"""Why a document is not a flower: the exact field, its value, and what was expected.

The fast decoder only says that a request is invalid. This slow path runs for those few alone, and names the culprit.
"""

from __future__ import annotations

import json
import math

from iris_api.domain.flower import FEATURES, MAX_BATCH, MAX_CM
from servekit.errors import InvalidValueError, MalformedError, ServingError

__all__ = ["diagnose"]


def diagnose(body: bytes) -> ServingError:
    """The error that explains why ``body`` is not a flower, nor a list of flowers."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        return MalformedError("body", None, f"not JSON: {error}")
    match document:
        case []:
            return InvalidValueError("flowers", "0 in the list", f"expected 1 to {MAX_BATCH}")
        case list() if len(document) > MAX_BATCH:
            expectation = f"expected 1 to {MAX_BATCH}; larger batches travel as Arrow"
            return InvalidValueError("flowers", f"{len(document)} in the list", expectation)
        case list():
            problems = (_flower(f"flowers[{row}]", item) for row, item in enumerate(document))
        case _:
            problems = (_flower("flower", item) for item in [document])
    found = next((problem for problem in problems if problem), None)
    return found or MalformedError("body", None, "not strict JSON")


def _flower(thing: str, item: object) -> InvalidValueError | None:
    if not isinstance(item, dict):
        return InvalidValueError(thing, json.dumps(item), f"expected an object with {', '.join(FEATURES)}")
    for name in FEATURES:
        if name not in item:
            return InvalidValueError(f"{thing}.{name}", None, "missing: expected a length in cm")
    unknown = next((name for name in item if name not in FEATURES), None)
    if unknown is not None:
        return InvalidValueError(f"{thing}.{unknown}", None, f"unknown feature: expected only {', '.join(FEATURES)}")
    checks = (_length(f"{thing}.{name}", item[name]) for name in FEATURES)
    return next((problem for problem in checks if problem), None)


def _length(thing: str, value: object) -> InvalidValueError | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return InvalidValueError(thing, json.dumps(value), "expected a number of cm")
    if not (math.isfinite(value) and 0 <= value <= MAX_CM):
        return InvalidValueError(thing, _number(value), "expected a length from 0 to 100 cm")
    return None


def _number(value: float) -> str:
    return "a number of more than 80 digits" if isinstance(value, int) and abs(value) >= 10**80 else str(value)
