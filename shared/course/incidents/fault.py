"""The interface of a fault."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Fault"]


class Fault(Protocol):
    """A real fault in a running level. Lines are for a terminal, without markup."""

    def obstacle(self) -> str | None:
        """The reason why the fault cannot be planted now (e.g. the level is not up), or None."""
        ...

    def plant(self) -> None:
        """Plants the fault; returns before it shows."""
        ...

    def symptoms(self) -> list[str]:
        """What an operator sees at this moment, without the cause; empty while nothing shows."""
        ...

    def evidence(self) -> list[str]:
        """The evidence of the cause at this moment."""
        ...

    def restore(self) -> None:
        """Restores the level, and returns once it is healthy; harmless when nothing was planted or it was repaired."""
        ...
