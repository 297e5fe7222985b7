"""The tools of a check: the learner's file as a module, and expectations that name the thing and its value."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType, ModuleType

__all__ = ["CheckFailedError", "expect", "expect_equal", "load"]

_SHOWN = 200


class _Loader(SourceFileLoader):
    """Compiles what the file says now: byte code is told apart by whole seconds, and learners save faster than that."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file; no byte code is read or written."""
        del fullname
        return self.source_to_code(self.get_data(self.path), self.path)


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
    if answer.suffix != ".py":
        raise CheckFailedError(f"{answer.name}: expected a Python file")
    spec = importlib.util.spec_from_file_location(answer.stem, loader=_Loader(answer.stem, str(answer)))
    assert spec is not None  # noqa: S101 - there is a loader
    assert spec.loader is not None  # noqa: S101 - the one above
    module = importlib.util.module_from_spec(spec)
    sys.modules[answer.stem] = module  # as import does, so that dataclasses find their module
    spec.loader.exec_module(module)
    return module


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
