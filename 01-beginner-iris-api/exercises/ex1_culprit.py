"""Exercise 1 · Name the wrong field.

A flower is a JSON object with the four features below, each a number from 0 to 100 (cm). Write `refuse(body)`: `None`
for such a flower, else the status and the message with which level 1 refuses it. Try them on the running API:

    400  body: not JSON: <what the JSON parser says>
    422  flower [5.1]: expected an object with sepal_length_cm, sepal_width_cm, petal_length_cm, petal_width_cm
    422  flower.petal_width_cm: missing: expected a length in cm
    422  flower feature "colour": unknown: expected only sepal_length_cm, … (all four, as above)
    422  flower.petal_width_cm "0.2": expected a number of cm
    422  flower.petal_width_cm -1: expected a length from 0 to 100 cm

Show values and names as JSON. Report the first problem: first missing features, in the order of FEATURES, then the
given ones in the order in which they were given. `true` is not a number, and NaN is not a length.
"""

from __future__ import annotations

FEATURES = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")


def refuse(body: bytes) -> tuple[int, str] | None:
    """None for a flower, else (status, message)."""
    raise NotImplementedError
