"""The interface of a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from course.incidents.caller import Caller

__all__ = ["Fault"]


class Fault(Protocol):
    """A real fault in a running level. Lines are for a terminal, without markup.

    Whoever holds it starts `caller`, waits until `breach` is None, and plants the fault. The same `breach` says later
    whether a repair has worked. The holder stops `caller` before it restores the level.

    Attributes:
        caller: the users of the level, from before the fault until after the repair. Not started yet.
    """

    caller: Caller

    def obstacle(self) -> str | None:
        """The reason why the fault cannot be planted now (e.g. the level is not up), or None."""
        ...

    def plant(self) -> None:
        """Plants the fault; returns before it shows."""
        ...

    def symptoms(self) -> list[str]:
        """What an operator sees at this moment, without the cause."""
        ...

    def evidence(self) -> list[str]:
        """The evidence of the cause at this moment."""
        ...

    def breach(self) -> str | None:
        """What of the stated objective does not hold at this moment, as users see it; None while all of it holds."""
        ...

    def fix(self) -> None:
        """The reference fix: what a trainee does by command. It uses nothing that `plant` left in this object."""
        ...

    def restore(self) -> None:
        """Restores the level, and returns once it is healthy; harmless when nothing was planted or it was repaired."""
        ...
