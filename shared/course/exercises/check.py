"""The tools of a check: the learner's file as a module, and expectations that name the thing and its value."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

__all__ = ["CheckFailedError", "expect", "expect_equal", "load"]

_SHOWN = 200


class CheckFailedError(Exception):
    """The answer is not right yet; the message is for the learner."""


def expect(holds: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence: expect(status == 200, "…")
    """Returns when `holds` is true.

    Raises:
        CheckFailedError: it is false, with `message` as the reason.
    """
    if not holds:
        raise CheckFailedError(message)


def expect_equal(thing: str, actual: object, expected: object) -> None:
    """Returns when both values are equal.

    Raises:
        CheckFailedError: the values differ; the message is ``<thing> <actual>: expected <expected>``.
    """
    expect(actual == expected, f"{thing} {_shorten(actual)}: expected {_shorten(expected)}")


def load(answer: Path) -> ModuleType:
    """The learner's Python file as a module; raises whatever its import raises."""
    spec = importlib.util.spec_from_file_location(answer.stem, answer)
    if spec is None or spec.loader is None:
        raise CheckFailedError(f"{answer.name}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[answer.stem] = module  # as import does, so that dataclasses find their module
    spec.loader.exec_module(module)
    return module


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
