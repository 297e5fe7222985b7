"""Exercise 6 · A step of your own.

A page is dull when ten films of one genre fill it. Write a last step that keeps at most `most` films of a genre, in the
order in which they came. It is a component of Seldon Core: a plain class, whose method the wrapper calls with the data,
the columns' names and the message's meta.

The data is a list of rows, one for each film: [film, score]. The genre of a film is in GENRES; a film without one is a
genre of its own. A `most` below 1 is a mistake of whoever deploys it: say so when the object is made.
"""

from __future__ import annotations

from typing import Any

GENRES = {1: "drama", 2: "drama", 3: "comedy", 4: "drama", 5: "comedy", 6: "horror", 8: "drama"}


class Variety:
    """Keeps a page from being of one genre."""

    def __init__(self, most: int = 2) -> None:
        """Takes `most`; raises ValueError, which names it and its value, when that is below 1."""
        raise NotImplementedError

    def transform_output(self, X: list[list[float]], names: list[str], meta: dict[str, Any] | None = None) -> Any:  # noqa: N803 - Seldon's signature
        """The rows that stay."""
        raise NotImplementedError

    def tags(self) -> dict[str, Any]:
        """What the wrapper puts into the answer's meta: `dropped`, how many rows the last call left out."""
        raise NotImplementedError
