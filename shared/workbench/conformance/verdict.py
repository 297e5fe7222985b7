"""What a check may say of a server."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["NotApplicableError", "Requirement", "UnreachableError", "ViolationError", "expect"]


class Requirement(StrEnum):
    """What the protocol says of it: demanded, or recommended."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class ViolationError(Exception):
    """The server does not do what the check says; ``level`` where that is another than the check's."""

    def __init__(self, violation: str, level: Requirement | None = None) -> None:
        super().__init__(violation)
        self.level = level


class NotApplicableError(Exception):
    """The check cannot be asked of this server or model."""


class UnreachableError(Exception):
    """Nothing answers at the address."""


def expect(condition: object, violation: str, level: Requirement | None = None) -> None:
    """Raises `ViolationError` with that text, and that level, unless the condition holds."""
    if not condition:
        raise ViolationError(violation, level)
