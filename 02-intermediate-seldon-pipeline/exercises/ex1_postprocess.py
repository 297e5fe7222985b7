"""Exercise 1 · The last step decides.

A model scores all items. The step after it decides which of them a person sees: none that they have rated, none that is
out of stock, and at most k.

Write `recommend(scores, rated, out, k)`: it returns the positions of the items, the best first, and None, or the reason
why there are fewer than k:

    recommend([0.1, 0.9, 0.5], rated={1}, out=set(), k=1)   →  ([2], None)
    recommend([0.1, 0.9, 0.5], rated={1}, out={0}, k=2)     →  ([2], "1 of 3 items left: 1 rated, 1 out of stock")

An item that is both rated and out of stock counts as rated. Of equal scores the lower position comes first;
otherwise the same request could get two answers. A score that is no number (NaN) is never shown and counts as neither.
"""

from __future__ import annotations


def recommend(scores: list[float], rated: set[int], out: set[int], k: int) -> tuple[list[int], str | None]:
    """At most k positions, best first, and why there are fewer."""
    raise NotImplementedError
