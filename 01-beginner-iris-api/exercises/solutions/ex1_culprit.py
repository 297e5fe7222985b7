"""Exercise 1, solved: one generator of problems, of which the first counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FEATURES = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")


def refuse(body: bytes) -> tuple[int, str] | None:
    """None for a flower, else (status, message)."""
    try:
        flower = json.loads(body.decode())
    except ValueError as error:  # json.JSONDecodeError and UnicodeDecodeError are both
        return 400, f"body: not JSON: {error}"
    problem = next(problems(flower), None)
    return (422, problem) if problem else None


def problems(flower: Any) -> Iterator[str]:
    """What is wrong with the document, the most telling first."""
    names = ", ".join(FEATURES)
    if not isinstance(flower, dict):
        yield f"flower {json.dumps(flower)}: expected an object with {names}"
        return
    for name in FEATURES:
        if name not in flower:
            yield f"flower.{name}: missing: expected a length in cm"
    for name, value in flower.items():
        if name not in FEATURES:
            yield f"flower feature {json.dumps(name)}: unknown: expected only {names}"
        elif isinstance(value, bool) or not isinstance(value, int | float):
            yield f"flower.{name} {json.dumps(value)}: expected a number of cm"
        elif not 0 <= value <= 100:  # noqa: PLR2004 - the limit that the message names
            yield f"flower.{name} {json.dumps(value)}: expected a length from 0 to 100 cm"
