"""What a fault can do."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Fault"]


class Fault(Protocol):
    """A real fault in a running level. Lines are for a terminal, without markup."""

    def obstacle(self) -> str | None:
        """Why it cannot be planted now (the level is not up), or None."""
        ...

    def plant(self) -> None:
        """Breaks something. Returns before it shows."""
        ...

    def symptoms(self) -> list[str]:
        """What an operator sees at this moment, nothing of its cause; empty while nothing shows."""
        ...

    def evidence(self) -> list[str]:
        """What proves the cause at this moment."""
        ...

    def restore(self) -> None:
        """Returns once the level is healthy; harmless when nothing was planted, or somebody has repaired it."""
        ...
