"""The fault of ``two-answers``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from interview.incidents.candidate import MODEL, Candidate, other_way_round
from interview.incidents.level_3 import outcome, search_of
from interview.incidents.shop_fault import ShopFault
from shop.serving.envoy.splits import read_splits

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_WEIGHT = 50
_ASKED = 12
_AS_GOOD = 0.01


class _TwoAnswers(ShopFault):
    mix = {"search": 1.0}  # noqa: RUF012 - read only, as the base class says

    def __init__(self) -> None:
        super().__init__()
        self._candidate = Candidate(self.level)

    def obstacle(self) -> str | None:
        return super().obstacle() or self._candidate.obstacle()

    def spoil(self) -> None:
        self._candidate.release(other_way_round, _WEIGHT)

    def call(self) -> int | str:
        """A search, by somebody who compares its first item with the one that the proven version puts first."""
        request = self.level.request("search")
        answer = self.level.send(request)
        came = outcome(answer)
        if came != HTTPStatus.OK:
            return came
        search, first = search_of(request), answer.json()["items"][0]["id"]
        stable = read_splits(self.level.addresses.canary_state)[MODEL].stable
        right = self.level.oracle.relevance(search, stable, search.candidates)
        return came if right[first] > max(right.values()) - _AS_GOOD else "another order"

    def signs(self) -> list[str]:
        request = self.level.request("search")
        firsts = [self.level.send(request).json()["items"][0]["id"] for _ in range(_ASKED)]
        return [f"one search, asked {_ASKED} times, begins with item {', '.join(map(str, firsts))}"]

    def evidence(self) -> list[str]:
        split = self._candidate.split.split
        return [f"the edge sends {split.weight} % of {MODEL} to version {split.candidate}, the rest to {split.stable}"]

    def fix(self) -> None:
        self._candidate.stop()

    def clean(self) -> None:
        self._candidate.remove()


def fault() -> Fault:
    """The fault, not planted yet."""
    return _TwoAnswers()
