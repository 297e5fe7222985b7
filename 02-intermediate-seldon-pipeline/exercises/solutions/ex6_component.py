"""Exercise 6, solved: count the genres that were shown, and keep the order."""

from __future__ import annotations

from collections import Counter
from typing import Any

GENRES = {1: "drama", 2: "drama", 3: "comedy", 4: "drama", 5: "comedy", 6: "horror", 8: "drama"}


class Variety:
    """Keeps a page from being of one genre."""

    def __init__(self, most: int = 2) -> None:
        """Takes `most`; raises ValueError, which names it and its value, when that is below 1."""
        if most < 1:
            raise ValueError(f"most {most}: expected 1 or more")
        self.most, self.dropped = most, 0

    def transform_output(self, X: list[list[float]], names: list[str], meta: dict[str, Any] | None = None) -> Any:  # noqa: N803, ARG002 - Seldon's signature
        """The rows that stay."""
        shown: Counter[Any] = Counter()
        kept = []
        for row in X:
            genre = GENRES.get(int(row[0]), ("film", int(row[0])))
            shown[genre] += 1
            if shown[genre] <= self.most:
                kept.append(row)
        self.dropped = len(X) - len(kept)
        return kept

    def tags(self) -> dict[str, Any]:
        """What the wrapper puts into the answer's meta: `dropped`, how many rows the last call left out."""
        return {"dropped": self.dropped}
