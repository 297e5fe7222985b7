"""Types for the numbers on a command line, which refuse a value out of range before anything is started.

``float`` takes ``nan``, ``inf`` and ``-5``, all of which make some loop of a load generator endless or empty.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from math import isfinite

__all__ = ["count", "not_negative", "positive", "share"]


def positive(text: str) -> float:
    """A finite number above 0."""
    return _within(text, 0.0, "a number above 0", least=False)


def not_negative(text: str) -> float:
    """A finite number, 0 or above."""
    return _within(text, 0.0, "a number, 0 or above")


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = _within(text, 0.0, "a number from 0 to 1")
    if value > 1:
        raise ArgumentTypeError(f"{text}: expected a number from 0 to 1")
    return value


def count(text: str) -> int:
    """A whole number, 1 or above."""
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise ArgumentTypeError(f"{text}: expected a whole number, 1 or above")
    return int(text)


def _within(text: str, bound: float, expectation: str, *, least: bool = True) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or value < bound or (value == bound and not least):
        raise ArgumentTypeError(f"{text}: expected {expectation}")
    return value
