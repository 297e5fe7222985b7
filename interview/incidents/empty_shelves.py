"""The fault of ``empty-shelves``."""

from __future__ import annotations

import random
from functools import cached_property

from course.incidents import Caller, Fault
from interview.incidents.level_2 import Level2

__all__ = ["fault"]

_IN_A_CASE = 12
_LESS_THAN_A_CASE = 0.85


class _EmptyShelves:
    def __init__(self) -> None:
        self._level = Level2()
        self._file = self._level.stack.home / "warehouse.csv"
        self._before: set[int] | None = None
        self.caller = Caller(lambda: 503)

    def obstacle(self) -> str | None:
        missing = self._level.obstacle()
        if missing is None:
            self._before = set(self._level.inventory.out())
            self.caller = self._level.users(self._before)
        return missing

    def plant(self) -> None:
        """Imports the warehouse's file, in which a count is of cases, and not of pieces as ever."""
        pieces = self._pieces(self._before or set())
        lines = [f"{item},{count // _IN_A_CASE},{count}" for item, count in pieces.items()]
        self._file.write_text("\n".join(["item,cases,pieces", *lines]) + "\n")
        self._level.inventory.set_out([item for item, count in pieces.items() if count < _IN_A_CASE], out=True)

    def symptoms(self) -> list[str]:
        return [
            f"the callers of the last 10 s say: {self.caller.summary()}",
            f"{len(self._level.inventory.out())} of {len(self._items)} items are out of stock",
        ]

    def evidence(self) -> list[str]:
        counts = [line.split(",") for line in self._file.read_text().splitlines()[1:]]
        empty = {name: sum(row[column] == "0" for row in counts) for column, name in ((1, "cases"), (2, "pieces"))}
        marked = len(self._level.inventory.out())
        return [
            f"{self._file}: {empty['cases']} items have 0 cases, {empty['pieces']} have 0 pieces",
            f"{marked} items are marked as out of stock",
        ]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        rows = [line.split(",") for line in self._file.read_text().splitlines()[1:]]
        self._level.inventory.set_out([int(item) for item, _, pieces in rows if int(pieces) > 0], out=False)

    def restore(self) -> None:
        if self._before is None or not self._file.exists():
            return
        self._level.heal()
        out = set(self._level.inventory.out())
        self._level.inventory.set_out(sorted(out - self._before), out=False)
        self._level.inventory.set_out(sorted(self._before - out), out=True)
        self._file.unlink()

    @cached_property
    def _items(self) -> list[int]:
        return [item.id for item in self._level.catalogue.items]

    def _pieces(self, out: set[int]) -> dict[int, int]:
        """How many pieces the warehouse has: none of what is out, less than a case of most."""
        draw = random.Random(2)  # noqa: S311 - a sample, not a secret
        few = set(draw.sample(self._items, int(_LESS_THAN_A_CASE * len(self._items))))
        counts = {item: draw.randrange(1, 12) if item in few else draw.randrange(24, 500) for item in self._items}
        return {item: 0 if item in out else count for item, count in counts.items()}


def fault() -> Fault:
    """The fault, not planted yet."""
    return _EmptyShelves()
