"""The fault of ``some-searches``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course.incidents import Objective
from interview.incidents.candidate import MODEL, Candidate, with_a_forgotten_branch
from interview.incidents.shop_fault import ShopFault

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_WEIGHT = 25
_LOOK_S = 2.0


class _SomeSearches(ShopFault):
    objective = Objective(ok=0.9, fast=0.9, within_s=0.025)
    mix = {"search": 1.0}  # noqa: RUF012 - read only, as the base class says

    def __init__(self) -> None:
        super().__init__()
        self._candidate = Candidate(self.level)

    def obstacle(self) -> str | None:
        return super().obstacle() or self._candidate.obstacle()

    def spoil(self) -> None:
        self._candidate.release(with_a_forgotten_branch, _WEIGHT)

    def evidence(self) -> list[str]:
        split = self._candidate.split.split
        lines = [f"the edge sends {split.weight} % of {MODEL} to version {split.candidate}, the rest to {split.stable}"]
        for version in (split.stable, split.candidate):
            _, compute_ms = self.level.triton_ms(MODEL, version, _LOOK_S)
            lines.append(f"Triton computes {compute_ms:.1f} ms for a request of version {version}")
        return lines

    def fix(self) -> None:
        self._candidate.stop()

    def clean(self) -> None:
        self._candidate.remove()


def fault() -> Fault:
    """The fault, not planted yet."""
    return _SomeSearches()
