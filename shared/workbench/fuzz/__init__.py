"""Thousands of wrong requests against a running level, while right ones are checked beside them: ``make fuzz-N``.

A level hands over a `Surface` (its endpoints, right requests, what a right answer is); the rest is the same for all.
"""

from __future__ import annotations

from workbench.fuzz.cli import main
from workbench.fuzz.surface import Operation, Surface

__all__ = ["Operation", "Surface", "main"]
