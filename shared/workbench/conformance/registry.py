"""What a check is, how one is registered, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from workbench.conformance.verdict import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.conformance.target import Target

__all__ = ["Check", "CheckResult", "Outcome", "Registry"]


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One thing the protocol says of a server.

    Attributes:
        name: a sentence that is true of a server that passes.
        source: the part of the protocol it comes from, ``<document>: <section>``.
        level: whether the protocol demands or recommends it.
        body: asks the server; raises `ViolationError` or `NotApplicableError`, or returns.
    """

    name: str
    source: str
    level: Requirement
    body: Callable[[Target], None]


@dataclass(frozen=True)
class CheckResult:
    """How a check ended, and why when it did not pass.

    Attributes:
        check: which.
        outcome: how.
        level: the check's; SHOULD where a check fails in what the protocol only recommends.
        detail: why it failed or was skipped.
    """

    check: Check
    outcome: Outcome
    level: Requirement
    detail: str = ""


class Registry(list[Check]):
    """Checks in the order they run; one for each module of checks."""

    def check(
        self, name: str, source: str, level: Requirement = Requirement.MUST
    ) -> Callable[[Callable[[Target], None]], Callable[[Target], None]]:
        """Registers the decorated function under that sentence."""

        def register(body: Callable[[Target], None]) -> Callable[[Target], None]:
            self.append(Check(name, source, level, body))
            return body

        return register
