"""Processes that a test interrupts: without coverage, and how they end."""

from __future__ import annotations

import os
import signal

__all__ = ["INTERRUPTED", "unmeasured"]

# The same to a shell, which says 130 for both. CPython takes the second way, whatever the program asks for, where the
# interrupt came while it ran a string of code, as every import of a data class does.
INTERRUPTED = {130, -signal.SIGINT}


def unmeasured() -> dict[str, str]:
    """This process' environment without coverage.

    An exception that a signal raises inside coverage leaves its lock taken, and the process waits for it for ever.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_CORE_"))}
