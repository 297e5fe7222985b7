"""Exercise 1 · The last step decides.

A model scores all items. Which of them a person sees is decided after it: not what they rated already, not what is out
of stock, at most k.

Write `recommend(scores, rated, out, k)`: positions of the best items first, and None, or the reason why there are fewer
than k of them:

    recommend([0.1, 0.9, 0.5], rated={1}, out=set(), k=1)   →  ([2], None)
    recommend([0.1, 0.9, 0.5], rated={1}, out={0}, k=2)     →  ([2], "1 of 3 items left: 1 rated, 1 out of stock")

An item that is both rated and out of stock counts as rated. Equal scores: the lower position first, always, or the same
request gets two answers. A score that is no number (NaN) is never shown, and counts as neither.
"""

from __future__ import annotations


def recommend(scores: list[float], rated: set[int], out: set[int], k: int) -> tuple[list[int], str | None]:
    """At most k positions, best first, and why there are fewer."""
    raise NotImplementedError
