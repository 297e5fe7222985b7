"""Processes that a test interrupts are not measured."""

from __future__ import annotations

import os

__all__ = ["unmeasured"]


def unmeasured() -> dict[str, str]:
    """This process' environment without coverage.

    An exception that a signal raises inside coverage leaves its lock taken, and the process waits for it for ever.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_CORE_"))}
