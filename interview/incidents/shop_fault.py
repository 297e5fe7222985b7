"""What the faults of level 3 share: people who use the shop, and the way back to a healthy level."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping  # noqa: TC003 - a class attribute's type
from random import Random
from typing import ClassVar

from course.incidents import Caller, Objective
from interview.incidents.level_3 import Level3, outcome
from shop.world.recorded_traffic import MIX

__all__ = ["ShopFault"]


class ShopFault(ABC):
    """A fault of level 3; a subclass plants it (`spoil`), takes it away (`fix`), and says what of it is seen.

    `fix` does what a trainee does by command. It may be called at any time, and more than once.

    Attributes:
        planted: whether `plant` was called.
    """

    rate_rps: ClassVar[float] = 20.0
    objective: ClassVar[Objective] = Objective(ok=0.95)
    mix: ClassVar[Mapping[str, float]] = MIX

    def __init__(self) -> None:
        self.level = Level3()
        self.caller = Caller(self.call, self.rate_rps, self.objective)
        self.planted = False
        self._draw = Random(1)  # noqa: S311 - a sample, not a secret

    def obstacle(self) -> str | None:
        """Why the fault cannot be planted now."""
        return self.level.obstacle()

    def plant(self) -> None:
        """Plants the fault; returns before it shows."""
        self.planted = True
        self.spoil()

    @abstractmethod
    def spoil(self) -> None:
        """Breaks the level."""

    def symptoms(self) -> list[str]:
        """What the callers say, and what the fault's own signals show."""
        return [f"the callers of the last 10 s say: {self.caller.summary()}", *self.signs()]

    def signs(self) -> list[str]:
        """What else is seen, without the cause."""
        return []

    @abstractmethod
    def evidence(self) -> list[str]:
        """The evidence of the cause at this moment."""

    def breach(self) -> str | None:
        """What callers are promised and do not get, or None."""
        return self.caller.breach()

    @abstractmethod
    def fix(self) -> None:
        """Takes the fault away."""

    def restore(self) -> None:
        """Restores the level, whatever the trainee did, and returns once it is healthy."""
        if self.planted:
            self.level.heal()
            self.fix()
            self.clean()
            self.level.settle()
        self.level.http.close()

    def clean(self) -> None:  # noqa: B027 - most leave nothing
        """Takes away what the fault left and a repair does not, once the level is up."""

    def call(self) -> int | str:
        """Makes one call as the world's people do, and says what came of it."""
        return outcome(self.level.send(self.level.request(self.kind())))

    def kind(self) -> str:
        """Of the next request, by the mix."""
        (kind,) = self._draw.choices(list(self.mix), list(self.mix.values()))
        return kind
